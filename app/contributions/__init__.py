"""What an artisan owes, when, and what paying changes: domain.md section 2, in pure functions.

rules says amounts, due dates and quotes, penalties what lateness adds, rights what CNSS should say.
A new rate or a corrected rule is a new dated entry in rates.yaml, with its source and how sure it
is; rates.py checks it. A new kind of rule: a field there, an entry in the file, a function here.
"""
