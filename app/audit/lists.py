"""Reads the audit in pages of a table: by who, what, about what, why and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, TextClause, func, select

from app.audit.models import IS_LOOK, audit_event
from app.base.clock import local_midnight
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """The rows that are asked for; what is empty or None asks for all.

    `first` and `last` are days in Morocco. `approved` asks for acts of two people, `looks` for
    looks at a person.
    """

    who: str = ""
    act: str = ""
    about: str = ""
    reason: str = ""
    first: date | None = None
    last: date | None = None
    approved: bool = False
    looks: bool = False

    def write(self) -> dict[str, Any]:
        """Returns the query as JSON may keep it; `read` returns it again."""
        days = {name: str(day) for name in _DAYS if (day := getattr(self, name))}
        return {**asdict(self), **days}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> AuditQuery:
        """Returns the query that `write` returned."""
        days = {name: written[name] and date.fromisoformat(written[name]) for name in _DAYS}
        return cls(**{**written, **days})


_DAYS = ("first", "last")


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit; `reason` is in its details where the act has one."""

    id: int
    at: datetime
    who: str
    approved_by: str | None
    act: str
    about: str
    details: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.details.get("reason") or "")


_COLUMNS = (
    audit_event.c.id,
    audit_event.c.happened_at.label("at"),
    audit_event.c.actor.label("who"),
    audit_event.c.approved_by,
    audit_event.c.action.label("act"),
    audit_event.c.subject.label("about"),
    audit_event.c.details,
)


# Each act of everybody is a row: it has the index of its moments alone.
AUDIT_SORTING = Sorting({"at": audit_event.c.happened_at}, audit_event.c.id, "-at")


def list_audit_page(
    connection: Connection, query: AuditQuery, asked: RowsAsked
) -> PageOfRows[AuditRow]:
    """Returns the rows that are asked for."""
    statement = select(*_COLUMNS).where(*_filter(query))
    return read_page(
        connection, statement, AUDIT_SORTING, asked, lambda row: read_row(AuditRow, row)
    )


def count_audit_rows(connection: Connection, asked: AuditQuery) -> int:
    """Returns how many rows are asked for."""
    counted = select(func.count()).select_from(audit_event).where(*_filter(asked))
    return int(connection.execute(counted).scalar_one())


def _filter(asked: AuditQuery) -> list[ColumnElement[bool] | TextClause]:
    columns = audit_event.c
    wanted: list[ColumnElement[bool] | TextClause] = []
    if asked.who:
        wanted.append((columns.actor == asked.who) | (columns.approved_by == asked.who))
    if asked.act:
        wanted.append(columns.action == asked.act)
    if asked.about:
        wanted.append(columns.subject == asked.about)
    if asked.reason:
        wanted.append(columns.details["reason"].astext == asked.reason)
    if asked.first:
        wanted.append(columns.happened_at >= local_midnight(asked.first))
    if asked.last:
        wanted.append(columns.happened_at < local_midnight(asked.last + timedelta(days=1)))
    if asked.approved:
        wanted.append(columns.approved_by.is_not(None))
    if asked.looks:
        wanted.append(IS_LOOK)
    return wanted
