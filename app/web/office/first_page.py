"""The first page of each role: the three numbers that matter to it, and what waits for it.

A subject adds its lines: `numbers_for` a role's numbers, `waits_for` what a right answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Response
from sqlalchemy import Connection

from app.office.rights import RIGHTS, Right
from app.office.sessions import OfficeSession
from app.web.office.desk import here, look
from app.web.office.frame import may, office_page, pages


@dataclass(frozen=True, slots=True)
class FirstNumber:
    """A number of the first page: the key of its words, and its value; None is not shown."""

    words: str
    value: object | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for the reader: the key of its words, how many, and where they are."""

    words: str
    count: int
    endpoint: str


Numbers = Callable[[Connection, OfficeSession], Sequence[FirstNumber]]
Waits = Callable[[Connection, OfficeSession], Waiting]
_NUMBERS: dict[str, Numbers] = {}
_WAITS: list[tuple[Right, Waits]] = []


def numbers_for(role: str) -> Callable[[Numbers], Numbers]:
    """Registers the function that reads the three numbers of a role. Raises: ValueError for two."""

    def register(read: Numbers) -> Numbers:
        if role in _NUMBERS:
            raise ValueError(f"{role} has its numbers from {_NUMBERS[role].__module__}")
        _NUMBERS[role] = read
        return read

    return register


def waits_for(right: Right) -> Callable[[Waits], Waits]:
    """Registers a function that counts what waits for those who have the right."""

    def register(count: Waits) -> Waits:
        _WAITS.append((right, count))
        return count

    return register


@pages.get("", strict_slashes=False)
@may(Right.OPEN_OFFICE)
def first_page() -> Response:
    opened = here()
    with look() as connection:
        read = _NUMBERS.get(opened.role)
        numbers = read(connection, opened) if read else ()
        waiting = [
            count(connection, opened) for right, count in _WAITS if right in RIGHTS[opened.role]
        ]
    return office_page("first_page.html", numbers=numbers, waiting=waiting)
