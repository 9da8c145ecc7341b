"""Reads recorded dialogues: a list of them, or one of them hop by hop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.base.rows import read_row
from app.observe.models import hop


@dataclass(frozen=True, slots=True)
class DialogueSummary:
    """A recorded dialogue: its beginning, its number of hops, its last screen and kind of hop."""

    session: str
    began: datetime
    gateway: str
    language: str
    hops: int
    screen: str
    how: str


@dataclass(frozen=True, slots=True)
class RecordedHop:
    """A hop of a recorded dialogue. `inputs` holds digits of menus, and the kind of any other."""

    how: str
    inputs: str
    screen: str
    more: bool
    language: str


@dataclass(frozen=True, slots=True)
class Talk:
    """A dialogue of a phone: when it began, and its hops in order."""

    began: datetime
    hops: tuple[RecordedHop, ...]


def list_dialogues(connection: Connection, since: datetime, most: int) -> list[DialogueSummary]:
    """Returns the newest dialogues, newest first, `most` at most."""
    whole: dict[str, Any] = {"partition_by": hop.c.session}
    each = (
        select(
            hop.c.session,
            func.min(hop.c.at).over(**whole).label("began"),
            hop.c.gateway,
            hop.c.language,
            func.count().over(**whole).label("hops"),
            hop.c.screen,
            hop.c.how,
            func.row_number()
            .over(**whole, order_by=(hop.c.revision.desc(), hop.c.at.desc()))
            .label("from_end"),
        )
        .where(hop.c.at >= since)
        .subquery("each")
    )
    columns = each.c
    newest = (
        select(
            columns.session,
            columns.began,
            columns.gateway,
            columns.language,
            columns.hops,
            columns.screen,
            columns.how,
        )
        .where(columns.from_end == 1)
        .order_by(columns.began.desc(), columns.session)
        .limit(most)
    )
    return [read_row(DialogueSummary, row) for row in connection.execute(newest)]


def get_hops(connection: Connection, session: str) -> list[RecordedHop]:
    """Returns the hops of a dialogue in order.

    Raises: LookupError if there is none of that name.
    """
    rows = connection.execute(
        select(hop.c.how, hop.c.inputs, hop.c.screen, hop.c.more, hop.c.language)
        .where(hop.c.session == session, hop.c.how != "dropped")
        .order_by(hop.c.revision, hop.c.at)
    ).all()
    if not rows:
        raise LookupError(f"no talk {session}")
    return [read_row(RecordedHop, row) for row in rows]


def list_talks_of(connection: Connection, callers: Collection[str], most: int) -> list[Talk]:
    """Returns the newest dialogues of a phone, newest first, by its digests of some days."""
    columns = hop.c
    newest = (
        select(columns.session, func.min(columns.at).label("began"))
        .where(columns.caller.in_(callers), columns.how != "dropped")
        .group_by(columns.session)
        .order_by(func.min(columns.at).desc(), columns.session)
        .limit(most)
    )
    return [
        Talk(row.began, tuple(get_hops(connection, row.session)))
        for row in connection.execute(newest).all()
    ]
