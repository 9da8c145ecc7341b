"""The books: accounts, transactions made of postings, breaks, the audit trail. Only added to.

A transaction knows its postings, a reference and metadata, and nothing of the rooms above.
To book a new kind of event: a word in `models.EVENTS`, and a call of `service.book` beside the
change, in its transaction. docs/money.md has each event's lines.
"""
