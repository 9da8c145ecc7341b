"""Records what CNSS says of an artisan: rights and enrolment."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.enrolment.models import artisan


def record_rights(operation: Operation, artisan_id: int, until: date | None, on: date) -> bool:
    """Records the last day of an artisan's rights, as CNSS stated it on the day `on`.

    Returns False if it was recorded already, or if a newer record exists.
    """
    columns = artisan.c
    changed = operation.connection.execute(
        update(artisan)
        .where(columns.id == artisan_id, columns.rights_as_of <= on)
        .where(columns.rights_until.is_distinct_from(until) | (columns.rights_as_of < on))
        .values(rights_until=until, rights_as_of=on)
    )
    if not changed.rowcount:
        return False
    said = {"until": until and str(until), "as_of": str(on)}
    record_audit(operation, "rights_recorded", f"artisan:{artisan_id}", **said)
    return True


def record_enrolment(operation: Operation, artisan_id: int, cnss_number: str, on: date) -> bool:
    """Records that CNSS enrolled an artisan. Returns False if the artisan was enrolled before.

    Of one whom the register has enrolled and without CNSS number, the number is recorded.
    """
    changed = operation.connection.execute(
        update(artisan)
        .where(artisan.c.id == artisan_id, artisan.c.enrolled_on.is_(None))
        .values(enrolled_on=on, cnss_number=cnss_number, rights_as_of=on)
    )
    if not changed.rowcount:
        changed = operation.connection.execute(
            update(artisan)
            .where(artisan.c.id == artisan_id, artisan.c.cnss_number.is_(None))
            .values(cnss_number=cnss_number)
        )
    if not changed.rowcount:
        return False
    record_audit(operation, "enrolment_recorded", f"artisan:{artisan_id}", on=str(on))
    return True


def is_number_of_another(connection: Connection, artisan_id: int, cnss_number: str) -> bool:
    """True if the CNSS number belongs to another artisan."""
    columns = artisan.c
    owner = select(columns.id).where(columns.cnss_number == cnss_number, columns.id != artisan_id)
    return connection.execute(owner).scalar() is not None
