"""Compares our books with those of others: the networks' settlement files and CNSS's answers.

service matches a settlement file, cnss_export and cnss_import exchange files with CNSS, resolutions
settles a break (ledger/breaks.py), money_rules and cnss_rules say what must hold of the rows. A
file is imported whole or not at all, and once. To read another file: its columns and the checks of
a line in a `*_file.py`, pure.
"""
