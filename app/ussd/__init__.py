"""The talk on the phone: menu files -> checked menu -> engine -> session. No Flask, no SQL.

menu reads the files, structure and check prove them, graph, portrait and difference tell of them;
vocabulary holds what menus may name; engine moves a talk (its place) by one input, screen writes
what the phone shows, session keeps a talk in Redis, versions the menus talks began with, late what
was too slow; turn ties them together for one callback.
A new screen kind is a line in menu.KINDS, its drawing in screen and its input in engine.
"""
