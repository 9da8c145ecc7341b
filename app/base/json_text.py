"""Reads JSON from outside, strictly: what two programs could read in two ways is refused."""

from __future__ import annotations

import json

DEEPEST = 32


def read_json(data: bytes) -> object:
    """Reads a JSON text in UTF-8, with or without a byte order mark (RFC 8259, section 8.1).

    Raises: ValueError, with the reason in words, for what is no JSON, for a name told twice in one
    object, a number without end, half a character, and more than 32 levels.
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_read_object,
        )
        # The database cannot store half a character or a number without end.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except _Refused:
        raise
    except ValueError:
        raise ValueError("not JSON in UTF-8") from None
    _refuse_depth(value)
    return value


class _Refused(ValueError):
    """A refusal of ours, whose words are for the sender."""


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _Refused("a name twice in one object")
    return read


def _refuse_constant(_name: str) -> None:
    raise _Refused("NaN or Infinity")


def _refuse_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        nested = [part for part in level if isinstance(part, dict | list)]
        if not nested:
            return
        level = [
            inner
            for part in nested
            for inner in (part.values() if isinstance(part, dict) else part)
        ]
    raise _Refused("nested too deeply")


def find_texts(value: object) -> list[str]:
    """Returns every text in a JSON value, names of members too."""
    found, left = [], [value]
    while left:
        part = left.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict):
            found.extend(part)
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
    return found
