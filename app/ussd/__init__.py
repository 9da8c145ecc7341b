"""The dialogue on the phone: menu files -> checked menu -> engine -> session. No Flask, no SQL.

`menu` reads the menu files. `vocabulary` holds the names that menus may use, `parts` the typed
facts and answers of a dialogue. `engine` moves a dialogue (its `position`) by one input, `screen`
writes the pages the phone shows. `session` stores a dialogue in Redis, `versions` the menus that
dialogues began with, `deferred` the actions too slow for the screen. `turn` answers one callback
with all of them. `checker` proves a menu; `tools` draws, describes and compares menus.
To add a kind of screen: a line in menu.KINDS, its pages in `screen`, its input in `engine`.
"""
