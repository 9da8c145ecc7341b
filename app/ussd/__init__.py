"""The talk on the phone: menu files -> checked menu -> engine -> session. No Flask, no SQL.

menu reads the files, check proves them, graph draws them; vocabulary holds the actions, sources,
checks and guards that menus may name; engine moves a talk by one input, screen writes what the
phone shows, session keeps a talk in Redis, turn ties them together for one callback.
A new screen kind is a line in menu.KINDS, its drawing in screen and its input in engine.
"""
