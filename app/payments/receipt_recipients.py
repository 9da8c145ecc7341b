"""Records the phones that get a code's receipt beside the phone that asked for the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, DateTime, Text, and_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.driver import AnyConnection, Prepared
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.queries import find_own_phone
from app.payments.addresses import select_address
from app.payments.models import payment_code, receipt_recipient
from app.payments.receipts import phones_with_code

# Built once: building them takes longer than running them.
_ADD = text("""
    INSERT INTO receipt_recipient (code, phone, language, added_at)
    VALUES (:code, :phone, :language, :now) ON CONFLICT (code, phone) DO NOTHING RETURNING code
""").bindparams(bindparam("now", type_=DateTime(True)))
_ADD_MANY = text("""
    INSERT INTO receipt_recipient (code, phone, language, added_at)
    SELECT each.*, :now FROM unnest(CAST(:codes AS text[]), CAST(:phones AS text[]),
        CAST(:languages AS text[])) AS each
    ON CONFLICT (code, phone) DO NOTHING RETURNING code
""").bindparams(bindparam("now", type_=DateTime(True)))
_OTHERS = text("""
    SELECT e.code FROM unnest(CAST(:codes AS text[]), CAST(:phones AS text[])) AS e (code, own)
    WHERE EXISTS (SELECT FROM payment_code c WHERE c.code = e.code AND c.phone <> e.own)
        OR EXISTS (SELECT FROM receipt_recipient r WHERE r.code = e.code AND r.phone <> e.own)
""")
# Recorded before; whom it was promised to has it at another number, if this came into other hands.
_NOW_AT = select_address(receipt_recipient.c.phone, receipt_recipient.c.added_at)
_OF_CODE = payment_code.c.code == receipt_recipient.c.code
_FORMER = (
    select(_NOW_AT)
    .join(payment_code, _OF_CODE)
    .where(
        receipt_recipient.c.code == bindparam("code"),
        receipt_recipient.c.phone == bindparam("phone", type_=Text),
    )
)
# Of many, those whose number is not the one that was recorded.
_each = (
    func.unnest(bindparam("codes", type_=ARRAY(Text)), bindparam("phones", type_=ARRAY(Text)))
    .table_valued("code", "phone")
    .render_derived("each")
)
_MOVED = (
    select(receipt_recipient.c.code, receipt_recipient.c.phone)
    .join(
        _each,
        and_(_each.c.code == receipt_recipient.c.code, _each.c.phone == receipt_recipient.c.phone),
    )
    .join(payment_code, _OF_CODE)
    .where(_NOW_AT.is_distinct_from(receipt_recipient.c.phone))
)
_ASKER = Prepared(
    select(payment_code.c.phone).where(payment_code.c.code == bindparam("code", type_=Text))
)
_PROMISE_AGAIN = text("""
    UPDATE receipt_recipient SET language = :language, added_at = :now
    WHERE code = :code AND phone = :phone
""").bindparams(bindparam("now", type_=DateTime(True)))


def add_receipt_recipient(operation: Operation, code: str, phone: str, language: str) -> None:
    """Records that a phone (E.164) gets the receipt of a code; again is once.

    If the number changed hands since it was recorded, its old holder gets it at the new one.
    """
    connection = operation.connection
    params = {"code": code, "phone": phone, "language": language, "now": operation.now}
    if connection.execute(_ADD, params).scalar() is not None:
        return
    former = connection.execute(_FORMER, params).scalar()
    if former == phone:
        return
    if former:
        connection.execute(_ADD, params | {"phone": former})
    connection.execute(_PROMISE_AGAIN, params)


def add_receipt_recipients(
    operation: Operation, recipients: Sequence[tuple[str, str, str]]
) -> None:
    """Records code, phone (E.164) and language of many, as `add_receipt_recipient` each."""
    codes, phones, languages = zip(*recipients, strict=True) if recipients else ((), (), ())
    params = {
        "codes": list(codes),
        "phones": list(phones),
        "languages": list(languages),
        "now": operation.now,
    }
    connection = operation.connection
    added = set(connection.execute(_ADD_MANY, params).scalars())
    before = [(code, phone) for code, phone, _ in recipients if code not in added]
    if not before:
        return
    # Most asked for the code themselves: one by one each would be two statements.
    of_codes, at_phones = zip(*before, strict=True)
    known = {"codes": list(of_codes), "phones": list(at_phones)}
    moved = {(row.code, row.phone) for row in connection.execute(_MOVED, known)}
    for code, phone, language in recipients:
        if (code, phone) in moved:
            add_receipt_recipient(operation, code, phone, language)


def has_other_recipients(connection: Connection, codes: Mapping[str, str]) -> set[str]:
    """Returns the codes whose receipt goes to another phone than the one given for each."""
    params = {"codes": list(codes), "phones": list(codes.values())}
    return set(connection.execute(_OTHERS, params).scalars())


def carry_over_recipients(operation: Operation, replaced: str, code: str) -> None:
    """Records for `code` every phone that would have got the receipt of the replaced code."""
    for phone, language in phones_with_code(operation.connection, replaced).items():
        add_receipt_recipient(operation, code, phone.e164, language)


def add_owner_and_payer(
    operation: Operation, code: str, artisan_id: int, payer: Phone, language: str
) -> None:
    """Records that the payer's phone and the artisan's own phone get the receipt."""
    add_receipt_recipient(operation, code, payer.e164, language)
    if owner := find_own_phone(operation.connection, artisan_id):
        add_receipt_recipient(operation, code, owner.phone.e164, owner.language)


def has_asked(connection: AnyConnection, code: str, phone: Phone) -> bool:
    """True if this phone asked for the code."""
    return bool(_ASKER.fetch_value(connection, code=code) == phone.e164)
