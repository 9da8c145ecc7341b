"""Holds the books: accounts, transactions made of postings, and breaks.

A transaction knows its postings, a reference and metadata, and nothing of the packages above. It is
never changed. To book a new kind of event, add a word to `models.EVENTS` and call
`service.book_entry` in the transaction of the change. docs/money.md has each event's lines.
"""
