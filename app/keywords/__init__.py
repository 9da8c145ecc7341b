"""Messages that phones send us by SMS: reads their keyword, does it and answers.

`letters` brings words to one form, `stop` reads who wants no more, `rules` reads the keyword,
`service` does it, `account` answers about money. To add a keyword: its
spellings in `rules.py`, its action in `service.py`.
"""
