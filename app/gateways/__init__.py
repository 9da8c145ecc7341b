"""USSD gateway dialects: one file each, one line in the registry. No Flask, no SQL.

A dialect reads the network's request into a Hop (or refuses it, naming what is wrong) and writes
our Reply in the network's way. docs/gateways.md shows how to add an operator's own.
"""
