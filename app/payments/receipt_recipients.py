"""Records the phones that get a code's receipt beside the phone that asked for the code."""

from __future__ import annotations

from sqlalchemy import Connection, literal, select
from sqlalchemy.dialects.postgresql import insert

from app.enrolment.models import artisan
from app.payments.models import payment_code, receipt_recipient

# Built once: building it takes longer than running it.
_ADD = insert(receipt_recipient).on_conflict_do_nothing()


def add_receipt_recipient(connection: Connection, code: str, phone: str, language: str) -> None:
    """Records that a phone (E.164) gets the receipt of a code."""
    connection.execute(_ADD, {"code": code, "phone": phone, "language": language})


def carry_over_recipients(connection: Connection, replaced: str, code: str) -> None:
    """Records for `code` every phone that would have got the receipt of the replaced code."""
    asker = (
        select(literal(code), payment_code.c.phone, artisan.c.language)
        .join_from(payment_code, artisan)
        .where(payment_code.c.code == replaced, payment_code.c.phone.is_not(None))
    )
    columns = receipt_recipient.c
    others = select(literal(code), columns.phone, columns.language).where(columns.code == replaced)
    for rows in (asker, others):
        copied = insert(receipt_recipient).from_select(["code", "phone", "language"], rows)
        connection.execute(copied.on_conflict_do_nothing())
