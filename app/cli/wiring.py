"""How a command gets at the runtime of the app it runs in."""

from flask import current_app

from app.runtime import Runtime


def runtime() -> Runtime:
    """The runtime of the app at work."""
    found: Runtime = current_app.extensions["maalem"]
    return found
