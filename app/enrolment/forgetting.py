"""Forgets a person of the register: what paying has to keep is left under the RNA number alone."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, union, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.enrolment.models import (
    artisan,
    artisan_phone,
    artisan_pin,
    ended_tie,
    enrolment_file,
    family_cover,
    identification_attempt,
    phone_profile,
    pin_reset,
    registry_import_update,
    tie_code,
)

NO_NAME = "-"
# A year that nobody is born in: no birth date opens what is left.
_NO_YEAR = 2100
_OF_PERSON = (
    artisan_phone,
    ended_tie,
    tie_code,
    pin_reset,
    artisan_pin,
    family_cover,
    enrolment_file,
    registry_import_update,
)
_OF_PHONE = (phone_profile, identification_attempt)


def list_sole_phones(connection: Connection, artisan_id: int) -> list[str]:
    """Returns the phones, of now and of before, that lead to this person and to nobody else."""
    entry = artisan.c.id == artisan_id
    own = union(
        select(artisan.c.phone).where(entry, artisan.c.phone.is_not(None)),
        select(artisan_phone.c.phone).where(artisan_phone.c.artisan_id == artisan_id),
        select(ended_tie.c.phone).where(ended_tie.c.artisan_id == artisan_id),
    ).subquery()
    others = union(
        select(artisan.c.phone).where(artisan.c.id != artisan_id, artisan.c.phone.is_not(None)),
        select(artisan_phone.c.phone).where(artisan_phone.c.artisan_id != artisan_id),
    ).subquery()
    statement = select(own.c.phone).where(own.c.phone.not_in(select(others.c.phone)))
    return list(connection.execute(statement.order_by(own.c.phone)).scalars())


def forget_entry(operation: Operation, artisan_id: int, phones: list[str]) -> None:
    """Empties a person's entry; only the numbers under which money was paid are left.

    `phones` are those that led to this person alone.
    """
    connection = operation.connection
    for table in _OF_PERSON:
        connection.execute(delete(table).where(table.c.artisan_id == artisan_id))
    for table in _OF_PHONE:
        connection.execute(delete(table).where(table.c.phone.in_(phones)))
    gone = (
        *("phone", "lost_phone", "cin_digest", "full_name_ar", "birth_date", "trade", "province"),
        *("coefficient", "annual_tax_centimes", "enrolled_on", "rights_until"),
    )
    left = dict.fromkeys(gone) | {"full_name": NO_NAME, "birth_year": _NO_YEAR}
    connection.execute(
        update(artisan).where(artisan.c.id == artisan_id).values(**left, forgotten_at=operation.now)
    )
    record_audit(operation, "person_forgotten", f"artisan:{artisan_id}", phones=len(phones))
