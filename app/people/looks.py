"""Who looked at a person, why, and what was seen: rows of the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from app.audit.models import IS_LOOK, audit_event
from app.audit.service import record_audit
from app.base.clock import local_date, local_midnight
from app.base.operation import Operation
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.office.models import office_user

# Why one looks at a person.
REASONS = ("call", "counter", "complaint", "check")
# An agent who finds somebody without a code looks to take cash.
TILL = "till"
# A list of whom a number means shows names before one of them is opened.
SEARCH = "search"
_AGENT = "agent:"


@dataclass(frozen=True, slots=True)
class PersonLook:
    """A look at a person; `seen` names the parts of the page, `role` who looked by their work."""

    id: int
    at: datetime
    who: str
    act: str
    reason: str
    role: str | None
    seen: tuple[str, ...]


def record_look(
    operation: Operation, artisan_id: int, reason: str, seen: Iterable[str], role: str = ""
) -> None:
    """Notes who looked at a person, why, and at what."""
    details = {"reason": reason, "seen": list(seen)} | ({"role": role} if role else {})
    record_audit(operation, "person_shown", f"artisan:{artisan_id}", **details)


def record_search(
    operation: Operation, found: Iterable[int], by: str, role: str = "", nobody: str = "register"
) -> None:
    """Notes a look at each person whom a search found and showed; not what was typed.

    `by` is the kind of number; `nobody` is the subject of a search that found nobody.
    """
    details = {"reason": SEARCH, "by": by} | ({"role": role} if role else {})
    subjects = [f"artisan:{artisan_id}" for artisan_id in found]
    for subject in subjects or [nobody]:
        record_audit(operation, "person_looked_up", subject, **details, found=len(subjects))


def may_search(operation: Operation, most: int) -> bool:
    """True if the actor looked up fewer than `most` people today; a refusal is noted.

    A search that found nobody counts as one. The actor's searches wait for each other.
    """
    user, columns = office_user.c, audit_event.c
    own = select(user.name).where(user.name == operation.actor)
    operation.connection.execute(own.with_for_update(key_share=True))
    counted = select(func.count()).where(
        columns.happened_at >= local_midnight(local_date(operation.now)),
        IS_LOOK,
        columns.action == "person_looked_up",
        columns.actor == operation.actor,
    )
    if operation.connection.execute(counted).scalar_one() < most:
        return True
    record_audit(operation, "search_refused", "register", most=most)
    return False


LOOK_SORTING = Sorting(
    {"at": audit_event.c.happened_at, "who": audit_event.c.actor}, audit_event.c.id, "-at"
)


def list_looks(connection: Connection, artisan_id: int, asked: RowsAsked) -> PageOfRows[PersonLook]:
    """Lists those looks at a person that are asked for."""
    columns = audit_event.c
    looks = select(
        columns.id, columns.happened_at, columns.actor, columns.action, columns.details
    ).where(columns.subject == f"artisan:{artisan_id}", IS_LOOK)
    return read_page(connection, looks, LOOK_SORTING, asked, _read_look)


def _read_look(row: Row[Any]) -> PersonLook:
    return PersonLook(
        id=row.id,
        at=row.happened_at,
        who=row.actor,
        act=row.action,
        reason=TILL if row.actor.startswith(_AGENT) else row.details.get("reason") or SEARCH,
        role="agent" if row.actor.startswith(_AGENT) else row.details.get("role"),
        seen=tuple(row.details.get("seen", ())),
    )


def name_roles(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Returns the role of each user of the office among the names."""
    columns = office_user.c
    rows = connection.execute(
        select(columns.name, columns.role).where(columns.name.in_(list(names)))
    )
    return {row.name: row.role for row in rows}
