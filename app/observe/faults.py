"""Tells a server that speaks Sentry's protocol of faults of the program, without anybody's data.

What is sent is listed here, and nothing else is: the kinds of the exceptions, the places in the
code, the line's name in the log, the call's reference. No exception's words, no variables and no
request, for any of them may hold a number. Read only where SENTRY_DSN asks for it.
"""

from __future__ import annotations

import atexit
import re
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from traceback import walk_tb
from typing import Any

import sentry_sdk

from app.observe import metrics
from app.observe.references import find_reference

# The same fault is told once in so many seconds, and of all faults so many in that time.
_SECONDS, _MOST = 60.0, 20
_MOST_FRAMES, _MOST_CAUSES = 60, 8
_ROOT = str(Path(__file__).parents[2])
# Words of ours: names in code, in files and in the log. Long numbers are in none of them.
_CODE_NAME = re.compile(r"[A-Za-z_<][\w.<>]{0,99}")
_FILE_NAME = re.compile(r"[\w./@+-]{1,160}")
_WORD = re.compile(r"[a-z][a-z_.]{0,39}")
_NUMBER = re.compile(r"\d{5}")
_REQUEST_ID, _SESSION = re.compile(r"[0-9a-f]{16}"), re.compile(r"[\w.]{8}")
# The details of a line of the log that may be sent, and their form.
_TOLD = {"endpoint": _WORD, "loop": _WORD, "provider": _WORD, "action": _WORD}
# What the library may add to the event as we wrote it.
_SENT = frozenset(
    {"event_id", "timestamp", "level", "platform", "release", "environment", "sdk", "exception"}
    | {"tags", "transaction"}
)


class FaultReporter:
    """Tells a server of faults; a caller never waits for it, and a storm of faults is a few."""

    def __init__(self, dsn: str, environment: str) -> None:
        self._lock, self._until = Lock(), 0.0
        self._told: dict[tuple[str, str], int] = {}
        self._client = sentry_sdk.Client(
            dsn,
            before_send=_keep_known,
            environment=environment,
            release=_find_release(),
            server_name="",
            # Nothing is gathered by itself: no hooks, no variables, no lines of code, no requests.
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            send_client_reports=False,
            enable_backpressure_handling=False,
            spotlight=False,
            shutdown_timeout=2,
        )
        atexit.register(self.stop)

    def tell(self, line: Mapping[str, Any]) -> None:
        """Tells of the exception of a line of the log, unless it was told a moment ago."""
        error = _find_error(line.get("exc_info"))
        if error is None:
            return
        causes = list(_list_causes(error))
        if not self._is_due(_identify(causes[0])):
            metrics.faults_untold.inc()
            return
        self._client.capture_event(
            {
                "level": "error",
                "platform": "python",
                "transaction": _read(line.get("endpoint"), _WORD),
                # The innermost cause comes first.
                "exception": {"values": [_describe(each) for each in reversed(causes)]},
                "tags": dict(_list_tags(line)),
            }
        )

    def stop(self) -> None:
        """Sends what waits, for two seconds at most."""
        self._client.close(timeout=2)

    def _is_due(self, fault: tuple[str, str]) -> bool:
        now = time.monotonic()
        with self._lock:
            if now >= self._until:
                self._until, self._told = now + _SECONDS, {}
            known, self._told[fault] = fault in self._told, 1
            return not known and len(self._told) <= _MOST


def _find_release() -> str:
    """Returns the version of the wheel; a checkout has none."""
    try:
        return f"maalem@{version('maalem')}"
    except PackageNotFoundError:
        return "maalem"


def _keep_known(event: Any, _hint: object) -> Any:
    """Returns the event without what the library added by itself."""
    return {name: value for name, value in event.items() if name in _SENT}


def _find_error(info: object) -> BaseException | None:
    """Returns the exception of a line, as the forms in which the log takes it say it."""
    if isinstance(info, BaseException):
        return info
    found = info if isinstance(info, tuple) else sys.exc_info() if info else (None, None)
    return found[1] if isinstance(found[1], BaseException) else None


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and what led to it."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen and len(seen) < _MOST_CAUSES:
        seen.append(found)
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _describe(error: BaseException) -> dict[str, Any]:
    frames = [
        {
            "filename": _read(_shorten(frame.f_code.co_filename), _FILE_NAME),
            "function": _read(frame.f_code.co_qualname, _CODE_NAME),
            "module": _read(frame.f_globals.get("__name__"), _CODE_NAME),
            "lineno": line,
            "in_app": frame.f_code.co_filename.startswith(_ROOT + "/app"),
        }
        for frame, line in list(walk_tb(error.__traceback__))[-_MOST_FRAMES:]
    ]
    kind = type(error)
    return {
        "type": _read(kind.__qualname__, _CODE_NAME),
        "module": _read(kind.__module__, _CODE_NAME),
        "mechanism": {"type": "log", "handled": True},
        "stacktrace": {"frames": frames},
    }


def _identify(error: BaseException) -> tuple[str, str]:
    """Returns the kind of an exception and the place it came from."""
    places = [f"{f.f_code.co_filename}:{line}" for f, line in walk_tb(error.__traceback__)]
    return type(error).__qualname__, places[-1] if places else ""


@cache
def _shorten(path: str) -> str:
    """Returns a file's name from the program's or a library's folder on, without the machine's."""
    for folder in (_ROOT, *sys.path):
        if folder and path.startswith(folder + "/"):
            return path[len(folder) + 1 :]
    return Path(path).name


def _list_tags(line: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "event", _read(line.get("event"), _WORD)
    for name, form in _TOLD.items():
        if name in line:
            yield name, _read(line[name], form)
    identity = _read(line.get("request_id"), _REQUEST_ID, most_digits=False)
    if identity != "?":
        yield "request_id", identity
        yield "reference", find_reference(identity)
    if "session" in line:
        yield "session", _read(line["session"], _SESSION)


def _read(value: object, form: re.Pattern[str], *, most_digits: bool = True) -> str:
    """Returns a value that is of a form, and no long number; else a question mark."""
    if not isinstance(value, str) or not form.fullmatch(value):
        return "?"
    return "?" if most_digits and _NUMBER.search(value) else value
