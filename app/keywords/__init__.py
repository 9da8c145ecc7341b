"""What people send us by SMS: which keyword a message means, and what is done and answered.

`rules` reads the keyword, `service` does what it asks, `account` answers about money. A new
keyword: its spellings in `rules.py`, what it does in `service.py`.
"""
