"""Reads JSON from outside, strictly: what two programs could read in two ways is refused.

And writes ours, for what writes it on every hop.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from json import encoder

DEEPEST = 32
# A fraction with a larger exponent, or more digits, is no amount of anything.
_MOST_DIGITS = 40
_WITHOUT_END = "a number without end"


def read_json(data: bytes) -> object:
    """Reads a JSON text in UTF-8, with or without a byte order mark (RFC 8259, section 8.1).

    Raises: ValueError, with the reason in words, for what is no JSON, for a name told twice in one
    object, a number without end, half a character, and more than 32 levels.
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            parse_float=_read_fraction,
            object_pairs_hook=_read_object,
        )
        # The database cannot store half a character.
        json.dumps(value, ensure_ascii=False, default=str).encode()
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


def _read_fraction(text: str) -> Decimal:
    """Reads a number as it is written: an amount stays exact."""
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that no Decimal has
        raise _Refused(_WITHOUT_END) from None
    if len(text) > _MOST_DIGITS or not -_MOST_DIGITS < number.adjusted() < _MOST_DIGITS:
        raise _Refused(_WITHOUT_END)
    return number


def make_writer(
    between: str, after_name: str, default: Callable[[object], object] | None = None
) -> Callable[[object], str]:
    """Returns a writer of JSON with these separators, letters as they are.

    `default` gives what is written for a value that JSON has not. Values hold no circles.
    """
    plain = json.JSONEncoder(ensure_ascii=False, separators=(between, after_name), default=default)
    if (make := getattr(encoder, "c_make_encoder", None)) is None:
        return plain.encode
    # JSONEncoder makes this anew for each text, which takes longer than writing a short one.
    write = make(
        None,
        plain.default,
        encoder.encode_basestring,
        None,
        after_name,
        between,
        False,
        False,
        True,
    )
    return lambda value: "".join(write(value, 0))


def write_number(number: int | Decimal) -> str:
    """Writes a number without an exponent: `163.50`, as it was sent."""
    return format(number, "f") if isinstance(number, Decimal) else str(number)


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
