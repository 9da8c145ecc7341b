"""The named actions, sources, lists, checks and guards of the menus: a file per menu entry.

`context` is the dialogue that they work with, `facts` its typed parts, `person` reads and stores
the person it is about, `attempts` counts wrong identifications, `confirmations` queues messages.
To add one: register it in its entry's file under a new name, then name it in menus/artisan.yaml.
"""
