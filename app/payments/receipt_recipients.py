"""Records the phones that get a code's receipt beside the phone that asked for the code."""

from __future__ import annotations

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.base.phone import Phone
from app.enrolment.models import artisan
from app.payments.models import payment_code, receipt_recipient
from app.payments.receipts import phones_with_code

# Built once: building it takes longer than running it.
_ADD = insert(receipt_recipient).on_conflict_do_nothing()


def add_receipt_recipient(connection: Connection, code: str, phone: str, language: str) -> None:
    """Records that a phone (E.164) gets the receipt of a code."""
    connection.execute(_ADD, {"code": code, "phone": phone, "language": language})


def carry_over_recipients(connection: Connection, replaced: str, code: str) -> None:
    """Records for `code` every phone that would have got the receipt of the replaced code."""
    for phone, language in phones_with_code(connection, replaced).items():
        add_receipt_recipient(connection, code, phone.e164, language)


def add_owner_and_payer(
    connection: Connection, code: str, artisan_id: int, payer: Phone, language: str
) -> None:
    """Records that the payer's phone and the artisan's phone in the register get the receipt."""
    add_receipt_recipient(connection, code, payer.e164, language)
    columns = artisan.c
    own = select(columns.phone, columns.language).where(columns.id == artisan_id)
    owner = connection.execute(own).one()
    if owner.phone:
        add_receipt_recipient(connection, code, owner.phone, owner.language)


def has_asked(connection: Connection, code: str, phone: Phone) -> bool:
    """True if this phone asked for the code."""
    columns = payment_code.c
    asker = select(columns.phone).where(columns.code == code)
    return connection.execute(asker).scalar() == phone.e164
