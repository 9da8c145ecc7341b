"""The app for a WSGI server."""

import gc

# Before anything is read (create_served says why).
gc.disable()

from app import create_served  # noqa: E402

app = create_served()
