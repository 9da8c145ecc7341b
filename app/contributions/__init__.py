"""Contributions of an artisan: amounts, due dates, penalties and rights, in pure functions.

The rules are those of docs/rules.md, from Categories to Rights. rules has amounts, due dates and
quotes, penalties the cost of being overdue, rights the state expected of CNSS.
A new rate or a corrected rule is a new dated entry in rates.yaml, with its source and how sure it
is; rates.py checks it. A new kind of rule: a field there, an entry in the file, a function here.
"""
