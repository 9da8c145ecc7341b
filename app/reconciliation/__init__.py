"""Compares our books with those of others: the networks' settlement files and CNSS's answers.

service matches a settlement file, cnss_export and cnss_import exchange files with CNSS, resolutions
resolves a break (ledger/breaks.py), money_rules and cnss_rules are rules that rows must keep. A
file is imported once, whole or not at all. To read another file, write a pure `*_file.py` with its
columns and the checks of a line.
"""
