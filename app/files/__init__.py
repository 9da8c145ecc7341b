"""Files of people: the one reading of every CSV that an office or a spreadsheet made.

`opening` finds what a file's bytes are and gives them as UTF-8. `table` finds separator and columns
and yields rows. `days`, `decimals` and `words` read cells.
To take another kind of file: name its columns, and `open_table` it.
"""
