"""SMS providers: one file each and a line in registry. No SQL, no Flask.

provider says what one must do and how it may refuse, line asks over HTTP, loopback stands in for
all of them. To add one: docs/gateways.md, "Another provider".
"""
