"""The books: named accounts, transactions whose lines sum to zero. Only ever added to.

To book a new kind of event: a word in `models.EVENTS`, and a call of `service.book` beside what
happened, in the same transaction. docs/money.md says each event's lines.
"""
