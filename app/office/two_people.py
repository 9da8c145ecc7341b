"""Refuses one person for two parts of an act that needs several, and says when it needs three."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import RowMapping, or_, select

from app.base.money import Money
from app.base.operation import Operation
from app.office.errors import ProposerDismissed, SamePerson
from app.office.models import office_seat, office_user
from app.office.rules import name_key
from app.office.samples import SAMPLE_USER

# Two people do not share a terminal's session within this time.
SEAT_KEPT = timedelta(hours=12)
# Twice as long as a one-time password is good: whoever gave it may have chosen the next one.
GIVEN_KEPT = timedelta(days=14)


def needs_two_approvers(amount: Money, two_from: Money) -> bool:
    """True if so much money needs two approvers beside who proposed; below, one is enough. Pure."""
    return amount >= two_from


def check_two_people(operation: Operation, first: str) -> None:
    """Checks that the operation's actor is not `first`, who began or approved the act before.

    The same person is one under another spelling of the name, or at the terminal where `first`
    signed in, or who gave the other a one-time password lately. Two users whom one operator reset,
    or added beside another operator who could have added one of them, may be that operator.

    Raises: SamePerson, ProposerDismissed.
    """
    if name_key(first) == name_key(operation.actor):
        raise SamePerson(by=operation.actor)
    if operation.seat and _shared_seat(operation, first):
        raise SamePerson(by=operation.actor, at=f"the terminal of {first}")
    keys = (name_key(first), name_key(operation.actor))
    known = select(office_user).where(office_user.c.name_key.in_(keys))
    rows = {row["name_key"]: row for row in operation.connection.execute(known).mappings()}
    if keys[0] in rows and rows[keys[0]]["dismissed_at"] is not None:
        raise ProposerDismissed(by=first)
    if giver := _find_giver(operation, rows, keys):
        raise SamePerson(by=operation.actor, gave=giver)


def _find_giver(
    operation: Operation, rows: dict[str, RowMapping], keys: tuple[str, str]
) -> str | None:
    """Returns who can be both people by a one-time password given lately, if anybody can.

    The database refuses the same (migration 0056).
    """
    since = operation.now - GIVEN_KEPT
    lately = {
        key: row
        for key, row in rows.items()
        if row["given_at"]
        and row["given_at"] > since
        # Development's own user adds everybody there.
        and row["given_by"] != SAMPLE_USER
    }
    for row in lately.values():
        if name_key(row["given_by"]) in keys:
            return str(row["given_by"])
    givers = {name_key(row["given_by"]) for row in lately.values()}
    if len(lately) < 2 or len(givers) > 1:
        return None
    reset = all(row["given_at"] > row["created_at"] for row in lately.values())
    last = max(row["given_at"] for row in lately.values())
    giver = str(lately[keys[0]]["given_by"])
    return giver if reset or _had_another_operator(operation, giver, last) else None


def _had_another_operator(operation: Operation, giver: str, at: datetime) -> bool:
    """True if the giver was not the only operator, so that another one could have given one.

    Added by one operator are all users of a new office: it is new until another is there for long.
    """
    columns = office_user.c
    another = select(columns.name).where(
        columns.role == "operator",
        ~columns.sample,
        columns.name_key != name_key(giver),
        columns.created_at < at - GIVEN_KEPT,
        or_(columns.dismissed_at.is_(None), columns.dismissed_at > at - GIVEN_KEPT),
    )
    return operation.connection.execute(another).first() is not None


def _shared_seat(operation: Operation, first: str) -> bool:
    columns = office_seat.c
    same = select(columns.name).where(
        columns.seat == operation.seat,
        columns.name == first,
        columns.signed_in_at > operation.now - SEAT_KEPT,
    )
    return operation.connection.execute(same).first() is not None
