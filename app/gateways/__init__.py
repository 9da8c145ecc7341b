"""USSD gateway dialects: one file each, one line in `registry`. No Flask, no SQL.

A dialect reads a gateway's request into a Hop, or refuses it and names the field. It writes a Reply
as the gateway expects it. docs/gateways.md shows how to add an operator's own.
"""
