"""What an operator watches beside the processes' own counts: read from the books and from Redis.

One process asks for them (`flask exporter`), however many serve phones. A reading fills one or more
gauges with one statement, from an index, so that it stays cheap however many rows there are.
To add one: a function and its Reading in the file it belongs to, and a line of `all.READINGS`.
"""
