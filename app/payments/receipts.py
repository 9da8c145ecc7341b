"""Reads codes and receipts for a till: the bill of a code, its final state, and its receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Row,
    Text,
    bindparam,
    func,
    select,
    true,
)

from app.base.clock import local_date
from app.base.driver import Prepared
from app.base.money import Money
from app.base.months import Month, Period
from app.base.phone import Phone
from app.enrolment.models import artisan, phone_profile
from app.enrolment.queries import PERSON, read_artisan
from app.payments.addresses import select_address
from app.payments.dues import is_still_owed
from app.payments.models import (
    contribution_allocation,
    deposit,
    payment_code,
    payment_code_line,
    receipt_recipient,
    reversal,
)


@dataclass(frozen=True, slots=True)
class PresentedBill:
    """A payable code as a till shows it before the cash is confirmed."""

    code: str
    full_name: str
    total: Money
    fee: Money
    period: Period
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FinalState:
    """The state of a code, the moment it ended, and the deposit if it was paid.

    `ended_at` of a code still `issued` is the moment it expires.
    """

    state: str
    ended_at: datetime
    total: Money
    network: str | None
    agency: str | None
    agent_number: str | None
    receipt: str | None


@dataclass(frozen=True, slots=True)
class SeenCode:
    """A code that was issued: its bill if it is payable, and its state."""

    payable: PresentedBill | None
    end: FinalState


_FINAL_STATE = (
    payment_code.c.state,
    func.coalesce(payment_code.c.ended_at, payment_code.c.expires_at).label("ended_at"),
    payment_code.c.total_centimes,
    deposit.c.network,
    deposit.c.agency_code,
    deposit.c.agent_number,
    deposit.c.receipt_number,
)
# Selects a row for each month that a code pays.
_CODE = (
    select(
        *PERSON,
        payment_code.c.fee_centimes,
        payment_code.c.first_period,
        payment_code.c.last_period,
        payment_code.c.expires_at,
        *_FINAL_STATE,
        payment_code_line.c.period,
        payment_code_line.c.contribution_centimes,
    )
    .select_from(payment_code)
    .join(artisan, artisan.c.id == payment_code.c.artisan_id)
    .join(payment_code_line, payment_code_line.c.code == payment_code.c.code)
    .outerjoin(deposit, deposit.c.code == payment_code.c.code)
    .where(payment_code.c.code == bindparam("code"))
)


def find_code(connection: Connection, code: str, now: datetime) -> SeenCode | None:
    """Returns a code that was issued, read in one statement.

    A code is not payable once the register no longer says that its months are owed.
    """
    rows = connection.execute(_CODE, {"code": code}).all()
    if not rows:
        return None
    row, state = rows[0], _read_final_state(rows[0])
    person = read_artisan(row)
    owed = [(Month.of(line.period), Money(line.contribution_centimes)) for line in rows]
    if state.state != "issued" or row.expires_at <= now or not is_still_owed(person, owed):
        return SeenCode(None, state)
    bill = PresentedBill(
        code=code,
        full_name=person.full_name,
        total=state.total,
        fee=Money(row.fee_centimes),
        period=Period(Month.of(row.first_period), Month.of(row.last_period)),
        expires_at=row.expires_at,
    )
    return SeenCode(bill, state)


def find_final_state(connection: Connection, code: str) -> FinalState | None:
    """Returns how the code ended, or when it will expire; None if it was never issued."""
    row = connection.execute(
        select(*_FINAL_STATE)
        .select_from(payment_code)
        .outerjoin(deposit, deposit.c.code == payment_code.c.code)
        .where(payment_code.c.code == code)
    ).one_or_none()
    return _read_final_state(row) if row else None


def _read_final_state(row: Row[*tuple[object, ...]]) -> FinalState:
    return FinalState(
        state=row.state,
        ended_at=row.ended_at,
        total=Money(row.total_centimes),
        network=row.network,
        agency=row.agency_code,
        agent_number=row.agent_number,
        receipt=row.receipt_number,
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it is printed, and as its agency can look it up later.

    `language` is the artisan's: the one chosen on the register's phone, else the register's.
    """

    number: str
    full_name: str
    language: str
    total: Money
    fee: Money
    contribution: Money
    penalty: Money
    period: Period
    received_at: datetime
    agency: str
    agent_number: str
    terminal: str | None
    reversed_at: datetime | None


def find_receipt(connection: Connection, number: str, agency_code: str) -> Receipt | None:
    """Returns a receipt of this agency; None for another agency's."""
    settled = _sum_settled_months()
    row = connection.execute(
        select(
            deposit.c.receipt_number,
            artisan.c.full_name,
            func.coalesce(phone_profile.c.language, artisan.c.language).label("language"),
            deposit.c.total_centimes,
            payment_code.c.fee_centimes,
            func.coalesce(settled.c.contribution, payment_code.c.contribution_centimes).label(
                "contribution"
            ),
            func.coalesce(settled.c.penalty, payment_code.c.penalty_centimes).label("penalty"),
            payment_code.c.first_period,
            func.coalesce(settled.c.last, payment_code.c.last_period).label("last_period"),
            deposit.c.received_at,
            deposit.c.agency_code,
            deposit.c.agent_number,
            deposit.c.terminal,
            reversal.c.reversed_at,
        )
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .join(artisan, artisan.c.id == deposit.c.artisan_id)
        .outerjoin(phone_profile, phone_profile.c.phone == artisan.c.phone)
        .outerjoin(reversal, reversal.c.receipt_number == deposit.c.receipt_number)
        .outerjoin(settled, true())
        .where(deposit.c.receipt_number == number, deposit.c.agency_code == agency_code)
    ).one_or_none()
    if row is None:
        return None
    return Receipt(
        number=row.receipt_number,
        full_name=row.full_name,
        language=row.language,
        total=Money(row.total_centimes),
        fee=Money(row.fee_centimes),
        contribution=Money(row.contribution),
        penalty=Money(row.penalty),
        period=Period(Month.of(row.first_period), Month.of(row.last_period)),
        received_at=row.received_at,
        agency=row.agency_code,
        agent_number=row.agent_number,
        terminal=row.terminal,
        reversed_at=row.reversed_at,
    )


def _sum_settled_months() -> FromClause:
    """Returns the sums of the months that a deposit settled, and the last of them.

    They may be fewer than the months of its code, if less cash came than the code costs.
    """
    columns = contribution_allocation.c
    return (
        select(
            func.sum(columns.contribution_centimes).cast(BigInteger).label("contribution"),
            func.sum(columns.penalty_centimes).cast(BigInteger).label("penalty"),
            func.max(columns.period).label("last"),
        )
        .where(columns.receipt_number == deposit.c.receipt_number)
        .lateral()
    )


def find_booked_at(connection: Connection, number: str) -> datetime:
    """Returns when the deposit of a receipt was booked; the receipt must exist."""
    columns = deposit.c
    when = select(columns.received_at).where(columns.receipt_number == number)
    booked_at: datetime = connection.execute(when).scalar_one()
    return booked_at


def is_reversible(receipt: Receipt, now: datetime) -> bool:
    """True if the agency may still reverse the receipt: it is of today and was not reversed."""
    return receipt.reversed_at is None and local_date(receipt.received_at) == local_date(now)


def receipt_phones(connection: Connection, code: str) -> dict[Phone, str]:
    """Returns the phones that get the receipt of a code, each with its language.

    They are the phone that asked for the code (else the register's), and the recorded recipients.
    """
    return _read_phones(connection, _RECEIPT_PHONES, code)


def phones_with_code(connection: Connection, code: str) -> dict[Phone, str]:
    """Returns the phones that were told a code, each with its language.

    They are the phone that asked for it, and the recorded recipients of its receipt. A bill that a
    network's system looked up was told to no phone.
    """
    return _read_phones(connection, _TOLD_PHONES, code)


def _read_phones(connection: Connection, phones: Prepared, code: str) -> dict[Phone, str]:
    rows = phones.fetch_all(connection, code=code)
    return {Phone(row.phone): row.language for row in rows if row.phone is not None}


def select_receipt_phones(code: ColumnElement[str]) -> CompoundSelect[str | None, str]:
    """Selects `phone` and `language` as `receipt_phones` returns them; a `phone` may be NULL."""
    asked = select_address(payment_code.c.phone)
    return _select_phones(code, func.coalesce(asked, artisan.c.phone))


def _select_phones(
    code: ColumnElement[str], phone: ColumnElement[str | None]
) -> CompoundSelect[str | None, str]:
    """Selects `phone`, which is of the code or its artisan, and the recorded recipients."""
    language = func.coalesce(phone_profile.c.language, artisan.c.language)
    own = (
        select(phone.label("phone"), language.label("language"))
        .select_from(payment_code)
        .join(artisan, artisan.c.id == payment_code.c.artisan_id)
        .outerjoin(phone_profile, phone_profile.c.phone == phone)
        .where(payment_code.c.code == code, phone.is_not(None))
    )
    recipients = (
        select(
            select_address(receipt_recipient.c.phone, receipt_recipient.c.added_at).label("phone"),
            receipt_recipient.c.language,
        )
        .select_from(receipt_recipient)
        .join(payment_code, payment_code.c.code == receipt_recipient.c.code)
        .where(receipt_recipient.c.code == code)
    )
    return own.union_all(recipients)


# Built once: building them takes longer than running them.
_ASKED_CODE = bindparam("code", type_=Text)
_TOLD_PHONES = Prepared(_select_phones(_ASKED_CODE, select_address(payment_code.c.phone)))
_RECEIPT_PHONES = Prepared(select_receipt_phones(_ASKED_CODE))
