"""Merges a person's second entry in the register into the first."""

from __future__ import annotations

from sqlalchemy import func, select, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.enrolment.models import artisan
from app.enrolment.pins import remove_pin
from app.enrolment.ties import list_ties, tie_phone, untie_phone


def merge_double(operation: Operation, kept: int, double: int) -> None:
    """Makes the entry `double` lead to `kept`, with its phones, CNSS number and enrolment.

    The phones are tied by papers: who holds one proves it again. The double keeps its RNA number,
    which finds `kept` from now on; it has no phone, owes nothing, and imports leave it as it is.
    """
    connection, columns = operation.connection, artisan.c
    ids = (kept, double)
    locked = select(artisan).where(columns.id.in_(ids)).order_by(columns.id).with_for_update()
    rows = {row.id: row for row in connection.execute(locked)}
    other = rows[double]
    remove_pin(operation, double)
    # The register names the number for the kept entry too, from which the double's entry took it.
    becomes_own = other.phone is not None and rows[kept].lost_phone == other.phone
    for tie in list_ties(connection, double):
        if untie_phone(operation, tie.phone, double, "desk") or not becomes_own:
            tie_phone(operation, tie.phone, kept)
    connection.execute(
        update(artisan)
        .where(columns.id == double)
        .values(phone=None, cnss_number=None, cin_digest=None, enrolled_on=None, merged_into=kept)
    )
    connection.execute(
        update(artisan)
        .where(columns.id == kept)
        .values(
            **({"phone": other.phone, "lost_phone": None} if becomes_own else {}),
            cnss_number=func.coalesce(columns.cnss_number, other.cnss_number),
            cin_digest=func.coalesce(columns.cin_digest, other.cin_digest),
            enrolled_on=func.coalesce(columns.enrolled_on, other.enrolled_on),
        )
    )
    record_audit(operation, "double_merged", f"artisan:{kept}", double=double)
