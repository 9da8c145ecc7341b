"""Reads Redis's client without OpenTelemetry, which it would read at every start if it is there.

We use none of the client's own figures; who asks for traces has the library read by itself
(app/observe/traces.py). A process imports this before anything that imports the client.
"""

from __future__ import annotations

import sys

_NAMES = ("opentelemetry.metrics", "opentelemetry.sdk.metrics")


def _read_client() -> None:
    hidden = {name: sys.modules[name] for name in _NAMES if name in sys.modules}
    # Python's way to say that a module is not there.
    sys.modules.update(dict.fromkeys(_NAMES))  # type: ignore[arg-type]
    try:
        import redis  # noqa: F401 - kept for whoever imports it next
    finally:
        for name in _NAMES:
            del sys.modules[name]
        sys.modules.update(hidden)


_read_client()
