"""The classes of enrolled people by what CNSS last said of them: rights, and the first month owed.

A class holds everybody who enrolled in one month and whose rights end in another, so the rules are
asked once a class and not once a person. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import Row

from app.base.months import Month, months_between
from app.contributions.rights import RightsState, expected_state, paid_through
from app.contributions.rules import scheme_from

# Stands for rights that never began.
_NEVER = date(1, 1, 1)


def describe_classes(rows: Iterable[Row[Any]], on: date) -> str:
    """Returns each class with its rights and first owed month, as JSON for the statement."""
    return json.dumps([_describe_class(row.enrolled, row.until, row.lasts, on) for row in rows])


def _describe_class(enrolled: date, until: date, lasts: bool, on: date) -> dict[str, object]:
    month = Month.of(enrolled)
    first = max(month, scheme_from(month))
    if until != _NEVER:
        first = max(first, paid_through(until) + 1)
    return {
        "enrolled": f"{enrolled}",
        "until": f"{until}",
        "lasts": lasts,
        "rights": _judge_rights(month, until, lasts, first, on),
        "owed_from": f"{first.first_day}",
    }


def _judge_rights(enrolled: Month, until: date, lasts: bool, first: Month, on: date) -> str:
    """Returns the rights that the phone says: CNSS's word, and closed or suspended by our rules."""
    if until == _NEVER:
        return "not_yet"
    if lasts:
        return "open"
    unpaid = months_between(first, Month.of(on))
    state = expected_state(enrolled, unpaid, True, on)
    return "closed" if state is RightsState.CLOSED else "suspended"
