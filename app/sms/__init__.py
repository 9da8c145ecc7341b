"""SMS providers: one file each and a line in registry. No SQL, no Flask.

provider says what one must do and how it may refuse. To add one: a file with a class that has
`name` and `send` (and `find` if it can be asked), and a line in registry.
"""
