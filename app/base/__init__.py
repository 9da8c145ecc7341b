"""Ground: the few types every room shares. Imports nothing of the project.

money, phone, months and clock say what a value is; errors and database are how rooms fail and
store. A new file here needs at least two rooms that want it.
"""
