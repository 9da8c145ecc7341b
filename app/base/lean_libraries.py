"""Reads libraries without others that they would read at every start if those are there.

We use none of what they are read for: Redis's client makes figures of its own by OpenTelemetry,
structlog draws traces by rich, paints for Windows by colorama, and keeps its context by greenlets.
Who needs one of them has it read by itself (app/observe/traces.py, app/cli/tables.py). A process
imports this before all else.
"""

from __future__ import annotations

import sys
from importlib import import_module

_WITHOUT = {
    "redis": ("opentelemetry.metrics", "opentelemetry.sdk.metrics"),
    "structlog": ("rich", "greenlet", "colorama"),
}


def _read_libraries() -> None:
    for library, others in _WITHOUT.items():
        hidden = {name: sys.modules[name] for name in others if name in sys.modules}
        # Python's way to say that a module is not there.
        sys.modules.update(dict.fromkeys(others))  # type: ignore[arg-type]
        try:
            import_module(library)  # kept for whoever imports it next
        finally:
            for name in others:
                del sys.modules[name]
            sys.modules.update(hidden)


_read_libraries()
