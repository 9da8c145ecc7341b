"""What menus may ask for: actions, sources, lists, checks and guards, a file per menu entry.

desk is what actions work with; facts what is read of a caller, once, and kept in the session.
To add one: register it in the entry's file under a new name, then name it in menus/artisan.yaml.
"""
