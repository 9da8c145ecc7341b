"""Keeps the register's imports: their list, what undoing one needs, and how long that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Connection,
    Select,
    delete,
    insert,
    select,
    text,
    update,
)

from app.base.operation import Operation
from app.base.rows import read_row
from app.enrolment.models import (
    registry_import,
    registry_import_day,
    registry_import_update,
)
from app.enrolment.registry_staging import STORED, StoredRows

# The register's columns of these people, as one digest: two are equal only if nothing changed. Of
# the CIN, that there is one: another key stores it otherwise.
_KEYLESS = [name if name != "cin_digest" else "cin_digest IS NOT NULL" for name in STORED]


_CREATED = "id IN (SELECT unnest(created_ids) FROM registry_import WHERE id = :number)"
_CREATED_SINCE = "id > :last"
_UPDATED = "id IN (SELECT artisan_id FROM registry_import_update WHERE import_id = :number)"


def _digest_people(columns: Sequence[str], created: str) -> str:
    # Each person's digest first: what is sorted then is short. Nobody is both created and updated.
    digest = f"md5(ROW({', '.join(columns)}, rights_as_of)::text)"
    return f"""
    SELECT coalesce(md5(string_agg(digest, '' ORDER BY id)), '') FROM (
        SELECT id, {digest} AS digest FROM artisan WHERE {created}
        UNION ALL SELECT id, {digest} FROM artisan WHERE {_UPDATED}) person
    """  # noqa: S608 - the names are ours


_COMPLETE = text(
    f"""
    UPDATE registry_import SET
        created_ids = ARRAY(SELECT id FROM artisan WHERE {_CREATED_SINCE} ORDER BY id),
        left_as = ({_digest_people(_KEYLESS, _CREATED_SINCE)})
    WHERE id = :number
    """  # noqa: S608 - the names are ours
)
# The second is that of imports of before keys had ids.
_DIGESTS = [text(_digest_people(columns, _CREATED)) for columns in (_KEYLESS, STORED)]
_SHOWN = tuple(
    registry_import.c[name]
    for name in (
        "id",
        "imported_at",
        "imported_by",
        "file_name",
        "created",
        "updated",
        "unchanged",
        "rejected",
        "undone_at",
        "undone_by",
        "forgotten_at",
    )
)


@dataclass(frozen=True, slots=True)
class RegistryImport:
    """An import as it is listed; after `forgotten_at` it cannot be undone any more."""

    id: int
    imported_at: datetime
    imported_by: str
    file_name: str
    created: int
    updated: int
    unchanged: int
    rejected: int
    undone_at: datetime | None
    undone_by: str | None
    forgotten_at: datetime | None


def add_import(operation: Operation, file_name: str, counts: StoredRows, rejected: int) -> int:
    """Adds an import that is about to be stored. Returns its number."""
    values = insert(registry_import).values(
        imported_at=operation.now,
        imported_by=operation.actor,
        file_name=file_name,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=rejected,
        transaction_id=text("pg_current_xact_id()::xid::text"),
        created_ids=[],
        left_as="",
    )
    number = operation.connection.execute(values.returning(registry_import.c.id)).scalar_one()
    return int(number)


def select_updated(number: int) -> Select[tuple[int]]:
    """Selects the ids of the artisans whom an import updates."""
    columns = registry_import_update.c
    return select(columns.artisan_id).where(columns.import_id == number)


def complete_import(connection: Connection, number: int, last_before: int) -> None:
    """Keeps who was created, all above the id `last_before`, and the digest of what was left."""
    connection.execute(_COMPLETE, {"number": number, "last": last_before})


def drop_import(connection: Connection, number: int) -> None:
    """Removes an import that changed nothing: there is nothing to undo."""
    connection.execute(delete(registry_import).where(registry_import.c.id == number))


def is_left_as(connection: Connection, number: int, left_as: str) -> bool:
    """True if the people of an import are still as it left them."""
    return any(
        connection.execute(digest, {"number": number}).scalar_one() == left_as
        for digest in _DIGESTS
    )


def list_imports(connection: Connection, most: int) -> list[RegistryImport]:
    """Lists the imports that changed something, the newest first."""
    rows = connection.execute(select(*_SHOWN).order_by(registry_import.c.id.desc()).limit(most))
    return [read_row(RegistryImport, row) for row in rows]


def forget_imports(operation: Operation, age: timedelta) -> int:
    """Deletes what undoing imports of that age needs: what people were before is personal data.

    Returns the number of imports, which stay in the list.
    """
    columns = registry_import.c
    old = (
        update(registry_import)
        .where(columns.imported_at < operation.now - age, columns.forgotten_at.is_(None))
        .values(forgotten_at=operation.now)
        .returning(columns.id)
    )
    numbers = operation.connection.execute(old).scalars().all()
    for table in (registry_import_update, registry_import_day):
        operation.connection.execute(delete(table).where(table.c.import_id.in_(numbers)))
    return len(numbers)
