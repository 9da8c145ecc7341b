"""Reads recorded talks: which there are, and one of them hop by hop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.observe.models import hop


@dataclass(frozen=True, slots=True)
class TalkLine:
    """One talk: when it began, how many hops it took, where it stands or ended."""

    session: str
    began: datetime
    gateway: str
    language: str
    hops: int
    screen: str
    how: str


@dataclass(frozen=True, slots=True)
class RecordedHop:
    """`inputs` holds digits of menus, and of all else its kind."""

    how: str
    inputs: str
    screen: str
    more: bool
    language: str


def list_talks(connection: Connection, since: datetime, most: int) -> list[TalkLine]:
    """The newest talks, newest first."""
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
    row = each.c
    newest = (
        select(row.session, row.began, row.gateway, row.language, row.hops, row.screen, row.how)
        .where(row.from_end == 1)
        .order_by(row.began.desc(), row.session)
        .limit(most)
    )
    return [TalkLine(*line) for line in connection.execute(newest)]


def get_talk(connection: Connection, session: str) -> list[RecordedHop]:
    """Its hops in order; LookupError where there is none of that name."""
    rows = connection.execute(
        select(hop.c.how, hop.c.inputs, hop.c.screen, hop.c.more, hop.c.language)
        .where(hop.c.session == session, hop.c.how != "dropped")
        .order_by(hop.c.revision, hop.c.at)
    ).all()
    if not rows:
        raise LookupError(f"no talk {session}")
    return [RecordedHop(*row) for row in rows]
