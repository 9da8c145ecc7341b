"""Long lists: somebody of the office asks, the worker writes the file, it is fetched within a day.

What the asker may see is decided when it is asked for, and the list is the asker's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from app.audit.files import write_audit
from app.audit.lists import AuditQuery
from app.audit.service import record_audit
from app.base.database import reading, snapshot, take_time
from app.base.errors import Unavailable
from app.base.operation import Operation, operation
from app.figures.errors import TooManyReports
from app.figures.files import write_file
from app.figures.models import report_request
from app.figures.queries import FigureScope, list_figures
from app.observe.progress import BeginTelling, ProgressTeller, tell_each

_KEPT = timedelta(days=1)
# Of one person at a time.
_MOST = 5
# A list of the audit is some tens of megabytes.
_WRITING_SECONDS = 60
_log = structlog.get_logger("worker")


@dataclass(frozen=True, slots=True)
class NewReport:
    """A list to be written: figures, of the part that its asker sees, or rows of the audit."""

    format: str
    region: str | None = None
    network: str | None = None
    audit: AuditQuery | None = None

    @property
    def kind(self) -> str:
        """`figures` or `audit`."""
        return "audit" if self.audit else "figures"


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A list that somebody asked for: waiting, ready or failed."""

    id: int
    format: str
    state: str
    asked_at: datetime

    @property
    def work(self) -> str:
        """The name by which a worker tells how far it is."""
        return _name_work(self.id)


def ask_for_report(change: Operation, report: NewReport) -> int:
    """Has a list written for who asks, and returns its number. Raises: TooManyReports."""
    columns = report_request.c
    kept = select(func.count()).where(columns.asked_by == change.actor)
    if change.connection.execute(kept).scalar_one() >= _MOST:
        raise TooManyReports(most=_MOST)
    asked = report.audit.write() if report.audit else {}
    statement = insert(report_request).values(
        asked_by=change.actor,
        kind=report.kind,
        format=report.format,
        asked=asked,
        region=report.region,
        network=report.network,
        state="waiting",
        asked_at=change.now,
    )
    number = int(change.connection.execute(statement.returning(columns.id)).scalar_one())
    told = asked if report.audit else {"region": report.region, "network": report.network}
    record_audit(change, "list_asked", f"list:{number}", kind=report.kind, **told)
    return number


def list_reports(connection: Connection, asker: str, kind: str) -> list[ReportRequest]:
    """Lists what somebody asked for of a kind, the newest first."""
    columns = report_request.c
    rows = connection.execute(
        select(columns.id, columns.format, columns.state, columns.asked_at)
        .where(columns.asked_by == asker, columns.kind == kind)
        .order_by(columns.id.desc())
    )
    return [ReportRequest(**row._mapping) for row in rows]


def read_report(
    connection: Connection, number: int, asker: str, kind: str
) -> tuple[str, bytes] | None:
    """Returns format and content of a list that is ready; None if it is not the asker's."""
    columns = report_request.c
    own = columns.id == number, columns.asked_by == asker, columns.kind == kind
    row = connection.execute(
        select(columns.format, columns.content).where(*own, columns.state == "ready")
    ).one_or_none()
    return (row.format, bytes(row.content)) if row else None


def write_asked_reports(
    database: Engine, figures: Engine, now: datetime, teller: ProgressTeller
) -> int:
    """Writes the lists that wait, and returns how many there were.

    A list that cannot be written has failed, which is logged, and the others go on.
    Raises: Unavailable.
    """
    columns = report_request.c
    waiting = select(report_request).where(columns.state == "waiting").order_by(columns.id)
    with reading(database) as connection:
        rows = connection.execute(waiting).all()
    for row in rows:
        content = _write(figures, row, partial(teller.begin, _name_work(row.id)))
        state = "failed" if content is None else "ready"
        with operation(database, now, "worker") as change:
            take_time(change.connection, _WRITING_SECONDS)
            change.connection.execute(
                update(report_request)
                .where(columns.id == row.id)
                .values(state=state, content=content, made_at=now)
            )
    return len(rows)


def forget_reports(operation: Operation) -> int:
    """Forgets lists asked for more than a day ago, and returns how many."""
    old = delete(report_request).where(report_request.c.asked_at < operation.now - _KEPT)
    return operation.connection.execute(old).rowcount


def _write(figures: Engine, row: Row[Any], begin: BeginTelling) -> bytes | None:
    """Returns a list's content; None if writing it failed. Raises: Unavailable."""
    try:
        if row.kind == "audit":
            with snapshot(figures) as connection:
                return write_audit(connection, AuditQuery.read(row.asked), begin)
        with reading(figures) as connection:
            scope = FigureScope.of(row.region, row.network)
            found = list(list_figures(connection, scope))
            return write_file(row.format, tell_each(found, begin(len(found))))
    except Unavailable:
        raise
    except Exception:
        _log.exception("list_not_written", number=row.id)
        return None


def _name_work(number: int) -> str:
    return f"list:{number}"
