"""Messages that phones send us by SMS: reads their keyword, does it and answers.

`rules` reads the keyword, `service` does it, `account` answers about money. To add a keyword: its
spellings in `rules.py`, its action in `service.py`.
"""
