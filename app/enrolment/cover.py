"""Records what CNSS says of an artisan beside the rights: family cover and the enrolment file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, Table, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.driver import AnyConnection, Prepared
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.rows import read_row
from app.enrolment.models import PARTS, enrolment_file, family_cover


@dataclass(frozen=True, slots=True)
class Family:
    """The people the rights cover beside the artisan, on `as_of`."""

    spouses: int
    children: int
    as_of: date


@dataclass(frozen=True, slots=True)
class EnrolmentFile:
    """The words of PARTS that an enrolment file lacks on `as_of`; if none, CNSS examines it."""

    missing: tuple[str, ...]
    as_of: date


# Built once: building them takes longer than running them.
_ARTISAN = bindparam("artisan", type_=BigInteger)
_FAMILY = Prepared(
    select(family_cover.c.spouses, family_cover.c.children, family_cover.c.as_of).where(
        family_cover.c.artisan_id == _ARTISAN
    )
)
_FILE = Prepared(
    select(enrolment_file.c.missing, enrolment_file.c.as_of).where(
        enrolment_file.c.artisan_id == _ARTISAN
    )
)


def find_family(connection: AnyConnection, artisan_id: int) -> Family | None:
    """Returns the family covered, or None if CNSS has not said."""
    row = _FAMILY.fetch_one(connection, artisan=artisan_id)
    return read_row(Family, row) if row else None


def find_enrolment_file(connection: AnyConnection, artisan_id: int) -> EnrolmentFile | None:
    """Returns the file, or None for an artisan who has not asked to be enrolled."""
    row = _FILE.fetch_one(connection, artisan=artisan_id)
    return EnrolmentFile(missing=tuple(row.missing), as_of=row.as_of) if row else None


def record_family(operation: Operation, artisan_id: int, family: Family) -> None:
    """Stores the family that CNSS covers, unless a newer one is stored."""
    values = {"spouses": family.spouses, "children": family.children, "as_of": family.as_of}
    _write_newest(operation, family_cover, artisan_id, values)


def record_enrolment_file(operation: Operation, artisan_id: int, file: EnrolmentFile) -> None:
    """Stores the missing parts in the order of PARTS, unless a newer record is stored.

    Raises: InvalidInput for a part that is not one of PARTS.
    """
    if unknown := set(file.missing) - set(PARTS):
        raise InvalidInput(what="missing", why=f"not known: {', '.join(sorted(unknown))}")
    missing = [part for part in PARTS if part in file.missing]
    _write_newest(operation, enrolment_file, artisan_id, {"missing": missing, "as_of": file.as_of})


def _write_newest(
    operation: Operation, table: Table, artisan_id: int, values: dict[str, object]
) -> None:
    statement = insert(table).values(artisan_id=artisan_id, **values)
    stored = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["artisan_id"],
            set_=values,
            where=table.c.as_of <= statement.excluded.as_of,
        ).returning(table.c.artisan_id)
    )
    if stored.scalar() is not None:
        said = {"as_of": str(values["as_of"])}
        record_audit(operation, f"{table.name}_recorded", f"artisan:{artisan_id}", **said)
