"""Compares our books with those of others: the networks' settlement files and CNSS's answers.

service matches a settlement file: telling takes its lines, payment_breaks judges codes (judgement
is pure) and lets their breaks follow; withdrawals takes a file back, resolutions resolves a break
(ledger/breaks.py), cnss_export and cnss_import exchange files with CNSS, money_rules and cnss_rules
are rules that rows must keep. A file is taken whole or not at all; what it tells again changes
nothing. To read another file, write a pure `*_file.py` with its columns and the checks of a line.
"""
