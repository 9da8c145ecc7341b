"""Writes logs as JSON lines, in a terminal as short ones; phones, secrets, money by their type."""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from types import NoneType
from typing import Any

import structlog

from app.base.json_text import make_writer

# The last safeguard after the types: long runs of digits are phones, codes or personal numbers.
_write_json = make_writer(", ", ": ", str)
# The row in a database error: a name in it has no long number.
_ROW = re.compile(r"^DETAIL:.*$", re.MULTILINE)
_AS_THEY_ARE, _NUMBERS = frozenset({"timestamp", "request_id"}), (int, float, NoneType)
_LONG_NUMBER, _FEWEST_DIGITS = re.compile(r"\+?\d(?:[ -]?\d){7,}"), 8

# What is written as it would be in code forges no line, and moves no cursor.
_SHORT_LINES = structlog.dev.ConsoleRenderer(
    repr_native_str=True, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
)


def set_up_logs(level: str, tell: Callable[[Mapping[str, Any]], None] | None = None) -> None:
    """Logs to standard error, one JSON object a line; short lines where that is a terminal.

    `tell` is given each line that has an exception, before it is written.
    """
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if terminal else "iso", utc=True),
            *([_tell_of(tell)] if tell else []),
            structlog.processors.format_exc_info,
            redact,
            _SHORT_LINES if terminal else _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _tell_of(tell: Callable[[Mapping[str, Any]], None]) -> structlog.types.Processor:
    """Returns the step that gives lines with an exception to `tell`, whose failure keeps none."""

    def give(
        _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if event.get("exc_info"):
            try:
                tell(event)
            except Exception as error:
                event["untold"] = type(error).__name__
        return event

    return give


def _render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _write_json(event)


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Writes values by their type (Phone masks itself, SecretStr hides), and masks the rest."""
    for name, value in event.items():
        if name in _AS_THEY_ARE or isinstance(value, _NUMBERS):
            continue
        text = str(value)
        # Letters alone, as most words of ours are, hold no digit to look for.
        if len(text) >= _FEWEST_DIGITS and not text.isalpha():
            text = _ROW.sub("DETAIL: left out", text) if "DETAIL:" in text else text
            text = _LONG_NUMBER.sub(_mask, text)
        event[name] = text
    return event


def _mask(match: re.Match[str]) -> str:
    digits = match[0]
    return f"…{digits[-2:]}"
