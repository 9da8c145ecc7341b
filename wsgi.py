"""The app for a WSGI server."""

import gc

# What is read at the start stays: looking through it for garbage took a fifth of the start.
gc.disable()

from app import create_app  # noqa: E402
from app.web.lifecycle import watch_menus  # noqa: E402

app = create_app()
watch_menus(app)
gc.freeze()
gc.enable()
