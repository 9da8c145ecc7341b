"""USSD gateway dialects: one file each. No Flask, no SQL.

A dialect reads the network's request into a Hop (or refuses it, naming what is wrong) and writes
our Reply in the network's way. To add one: a file with `parse` and `render`, and its route in
web/ussd.py.
"""
