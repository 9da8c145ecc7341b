"""What CNSS says of an artisan beside the rights: family covered, and the file of who is not in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.postgresql import insert

from app.base.errors import InvalidInput
from app.enrolment.models import PARTS, enrolment_file, family_cover


@dataclass(frozen=True, slots=True)
class Family:
    """Whom the rights cover beside the artisan, on `as_of`."""

    spouses: int
    children: int
    as_of: date


@dataclass(frozen=True, slots=True)
class EnrolmentFile:
    """What the file lacks (words of PARTS), on `as_of`; nothing: CNSS is looking at it."""

    missing: tuple[str, ...]
    as_of: date


def find_family(connection: Connection, artisan_id: int) -> Family | None:
    """None where CNSS has not said."""
    row = connection.execute(
        select(family_cover.c.spouses, family_cover.c.children, family_cover.c.as_of).where(
            family_cover.c.artisan_id == artisan_id
        )
    ).one_or_none()
    return Family(*row) if row else None


def find_enrolment_file(connection: Connection, artisan_id: int) -> EnrolmentFile | None:
    """None for who has not asked to be enrolled."""
    row = connection.execute(
        select(enrolment_file.c.missing, enrolment_file.c.as_of).where(
            enrolment_file.c.artisan_id == artisan_id
        )
    ).one_or_none()
    return EnrolmentFile(tuple(row.missing), row.as_of) if row else None


def record_family(
    connection: Connection, artisan_id: int, spouses: int, children: int, as_of: date
) -> None:
    """Takes CNSS's word, unless a newer one is known."""
    values = {"spouses": spouses, "children": children, "as_of": as_of}
    _record(connection, family_cover, artisan_id, values)


def record_enrolment_file(
    connection: Connection, artisan_id: int, missing: Collection[str], as_of: date
) -> None:
    """The same of the enrolment file. InvalidInput for a part that is not one of PARTS."""
    if strange := set(missing) - set(PARTS):
        raise InvalidInput(what="missing", why=f"not known: {', '.join(sorted(strange))}")
    lacking = [part for part in PARTS if part in missing]
    _record(connection, enrolment_file, artisan_id, {"missing": lacking, "as_of": as_of})


def _record(
    connection: Connection, table: Table, artisan_id: int, values: dict[str, object]
) -> None:
    statement = insert(table).values(artisan_id=artisan_id, **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["artisan_id"],
            set_=values,
            where=table.c.as_of <= statement.excluded.as_of,
        )
    )
