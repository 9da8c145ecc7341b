"""SMS providers: one file each and a line in registry. No SQL, no Flask.

provider is the protocol of one and how it may refuse, http sends requests, loopback stands in for
all of them. To add one: docs/gateways.md, "Another provider".
"""
