"""Ties of phones to artisans: how each is proven, what it opens, and how it ends.

The register's phone outranks every other. A phone tied by RNA number and birth date alone opens
what paying needs, and nothing that is the person's own (docs/rules.md, Identifiers).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    case,
    delete,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.driver import AnyConnection, Prepared
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import (
    PAPERS,
    REGISTER,
    artisan,
    artisan_phone,
    artisan_pin,
    ended_tie,
    pin_reset,
    tie_code,
)


@dataclass(frozen=True, slots=True)
class Tie:
    """A phone tied to an artisan: the way it was proven, and since when.

    `way` is `register`, `papers`, `code`, `desk` or `agent`. `since` is None for the register's.
    """

    phone: Phone
    way: str
    since: datetime | None

    @property
    def proven(self) -> bool:
        """True if the tie opens what is the person's own."""
        return is_proven(self.way)


def is_proven(way: str | None) -> bool:
    """True if a tie of this way opens what is the person's own; None is no tie."""
    return way is not None and way != PAPERS


def find_way(connection: AnyConnection, phone: Phone, artisan_id: int) -> str | None:
    """Returns the way the phone is tied to the artisan; None if it is not."""
    way: str | None = _WAY.fetch_value(connection, phone=phone.e164, artisan=artisan_id)
    return way


def list_ties(connection: Connection, artisan_id: int) -> list[Tie]:
    """Lists the phones tied to an artisan, the register's first, then the newest."""
    own = select(artisan.c.phone).where(artisan.c.id == artisan_id)
    number = connection.execute(own).scalar()
    ties = [Tie(Phone(number), REGISTER, None)] if number else []
    columns = artisan_phone.c
    rows = connection.execute(
        select(columns.phone, columns.way, columns.identified_at)
        .where(columns.artisan_id == artisan_id, columns.phone != (number or ""))
        .order_by(columns.identified_at.desc())
    )
    return ties + [Tie(Phone(row.phone), row.way, row.identified_at) for row in rows]


def tie_phone(operation: Operation, phone: Phone, artisan_id: int) -> bool:
    """Ties a phone by papers; a tie that there is already stays as it was proven.

    Returns True for a new tie.
    """
    columns = artisan_phone.c
    tied = operation.connection.execute(
        insert(artisan_phone)
        .values(phone=phone.e164, artisan_id=artisan_id, identified_at=operation.now)
        .on_conflict_do_nothing()
        .returning(columns.artisan_id)
    ).scalar()
    if tied is None:
        return False
    _audit(operation, "phone_tied", artisan_id, phone, way=PAPERS)
    return True


def prove_tie(operation: Operation, phone: Phone, artisan_id: int, way: str) -> bool:
    """Records that the holder of a phone was proven to be the artisan, and ties it if it was not.

    `way` is `code`, `desk` or `agent`. Returns False for the register's own phone, and for a tie
    proven before.
    """
    if is_proven(find_way(operation.connection, phone, artisan_id)):
        return False
    statement = insert(artisan_phone).values(
        phone=phone.e164,
        artisan_id=artisan_id,
        identified_at=operation.now,
        way=way,
        proven_at=operation.now,
    )
    proven = {"way": statement.excluded.way, "proven_at": statement.excluded.proven_at}
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["phone", "artisan_id"], set_=proven)
    )
    _audit(operation, "phone_proven", artisan_id, phone, way=way)
    return True


def untie_phone(operation: Operation, phone: Phone, artisan_id: int, why: str) -> bool:
    """Ends a tie at once, with the PIN that was set on that phone; the register's phone stays.

    `why` is `untied` (by the register's phone), `forgotten` (by the phone itself) or `desk`.
    Returns True if the phone was tied.
    """
    columns = artisan_phone.c
    row = operation.connection.execute(
        delete(artisan_phone)
        .where(columns.phone == phone.e164, columns.artisan_id == artisan_id)
        .returning(columns.way, columns.identified_at)
    ).one_or_none()
    if row is None:
        return False
    operation.connection.execute(
        insert(ended_tie).values(
            phone=phone.e164,
            artisan_id=artisan_id,
            way=row.way,
            since=row.identified_at,
            ended_at=operation.now,
            why=why,
        )
    )
    _end_codes(operation, phone, artisan_id)
    _end_pin_set_on(operation, phone, artisan_id)
    _audit(operation, "phone_untied", artisan_id, phone, way=row.way, why=why)
    return True


def _end_codes(operation: Operation, phone: Phone, artisan_id: int) -> None:
    for table in (tie_code, pin_reset):
        own = table.c.phone == phone.e164, table.c.artisan_id == artisan_id
        operation.connection.execute(delete(table).where(*own))


def _end_pin_set_on(operation: Operation, phone: Phone, artisan_id: int) -> None:
    """Removes the PIN that an untied phone set: it must not lock the person out any longer.

    A PIN set on the register's phone stays, even while that phone has a tie beside.
    """
    columns = artisan_pin.c
    registered = select(artisan.c.phone).where(artisan.c.id == artisan_id)
    if operation.connection.execute(registered).scalar() == phone.e164:
        return
    removed = operation.connection.execute(
        delete(artisan_pin)
        .where(columns.artisan_id == artisan_id, columns.set_on == phone.e164)
        .returning(columns.artisan_id)
    ).scalar()
    if removed is not None:
        operation.connection.execute(delete(pin_reset).where(pin_reset.c.artisan_id == artisan_id))
        _audit(operation, "pin_removed", artisan_id, phone, why="untied")


def _audit(operation: Operation, action: str, artisan_id: int, phone: Phone, **more: str) -> None:
    record_audit(operation, action, f"artisan:{artisan_id}", phone=phone.masked, **more)


def select_way(phone: ColumnElement[str]) -> ColumnElement[str | None]:
    """Selects the way in which a phone is tied to the `artisan` of the surrounding statement."""
    columns = artisan_phone.c
    tied = (
        select(columns.way)
        .where(columns.phone == phone, columns.artisan_id == artisan.c.id)
        .scalar_subquery()
    )
    return case((artisan.c.phone == phone, literal_column(f"'{REGISTER}'")), else_=tied)


# Built once: building it takes longer than running it.
_WAY = Prepared(
    select(select_way(bindparam("phone", type_=Text))).where(
        artisan.c.id == bindparam("artisan", type_=BigInteger)
    )
)
