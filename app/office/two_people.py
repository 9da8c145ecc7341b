"""Refuses one person for both parts of an act that needs two."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app.base.operation import Operation
from app.office.errors import SamePerson
from app.office.models import office_seat
from app.office.rules import name_key

# Two people do not share a terminal's session within this time.
SEAT_KEPT = timedelta(hours=12)


def check_two_people(operation: Operation, first: str) -> None:
    """Checks that the operation's actor is not `first`, who began the act.

    The same person is one under another spelling of the name, or at the terminal where `first`
    signed in.

    Raises: SamePerson.
    """
    if name_key(first) == name_key(operation.actor):
        raise SamePerson(by=operation.actor)
    if operation.seat and _shared_seat(operation, first):
        raise SamePerson(by=operation.actor, at=f"the terminal of {first}")


def _shared_seat(operation: Operation, first: str) -> bool:
    columns = office_seat.c
    same = select(columns.name).where(
        columns.seat == operation.seat,
        columns.name == first,
        columns.signed_in_at > operation.now - SEAT_KEPT,
    )
    return operation.connection.execute(same).first() is not None
