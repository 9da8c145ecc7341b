"""Reads what a till needs: a code to be paid or how it ended, a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, FromClause, bindparam, func, select, true

from app.base.clock import local_date
from app.base.money import Money
from app.base.months import Month
from app.base.phone import Phone
from app.enrolment.models import artisan, phone_profile
from app.enrolment.queries import PERSON, Artisan
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
    """What a till shows of a code before the cash is confirmed."""

    code: str
    full_name: str
    total: Money
    fee: Money
    first: Month
    last: Month
    expires_at: datetime

    @property
    def months(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class FinalState:
    """Why a code is not payable: its state and when it came to it, and who took it if paid."""

    state: str
    ended_at: datetime
    total_centimes: int
    network: str | None
    agency: str | None
    agent_number: str | None
    receipt: str | None


_END = (
    payment_code.c.state,
    func.coalesce(payment_code.c.ended_at, payment_code.c.expires_at),
    payment_code.c.total_centimes,
    deposit.c.network,
    deposit.c.agency_code,
    deposit.c.agent_number,
    deposit.c.receipt_number,
)
_PERSON = len(PERSON)
# A row for each month it pays.
_CODE = (
    select(
        *PERSON,
        payment_code.c.total_centimes,
        payment_code.c.fee_centimes,
        payment_code.c.first_period,
        payment_code.c.last_period,
        payment_code.c.expires_at,
        *_END,
        payment_code_line.c.period,
        payment_code_line.c.contribution_centimes,
    )
    .select_from(payment_code)
    .join(artisan, artisan.c.id == payment_code.c.artisan_id)
    .join(payment_code_line, payment_code_line.c.code == payment_code.c.code)
    .outerjoin(deposit, deposit.c.code == payment_code.c.code)
    .where(payment_code.c.code == bindparam("code"))
)


@dataclass(frozen=True, slots=True)
class SeenCode:
    """A code that was given, with what it pays where it can be paid, and how it ended if not."""

    payable: PresentedBill | None
    end: FinalState


def find_code(connection: Connection, code: str, now: datetime) -> SeenCode | None:
    """All of it in one statement; a code whose months are not owed any more is not payable."""
    rows = connection.execute(_CODE, {"code": code}).all()
    if not rows:
        return None
    person = Artisan(*rows[0][:_PERSON])
    total, fee, first, last, expires, *end, _, _ = rows[0][_PERSON:]
    seen, owed = FinalState(*end), [(Month.of(row[-2]), Money(row[-1])) for row in rows]
    if seen.state != "issued" or expires <= now or not is_still_owed(person, owed):
        return SeenCode(None, seen)
    months = Month.of(first), Month.of(last)
    payable = PresentedBill(code, person.full_name, Money(total), Money(fee), *months, expires)
    return SeenCode(payable, seen)


def find_final_state(connection: Connection, code: str) -> FinalState | None:
    """How the code ended, or would have by now; None when it was never issued."""
    row = connection.execute(
        select(*_END)
        .select_from(payment_code)
        .outerjoin(deposit, deposit.c.code == payment_code.c.code)
        .where(payment_code.c.code == code)
    ).one_or_none()
    return FinalState(*row) if row else None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt shows, on the agent's paper and to whoever asks again."""

    number: str
    full_name: str
    total: Money
    fee: Money
    contribution: Money
    penalty: Money
    first: Month
    last: Month
    received_at: datetime
    agency: str
    agent_number: str
    terminal: str | None
    reversed_at: datetime | None

    @property
    def months(self) -> int:
        return self.last - self.first + 1


def find_receipt(connection: Connection, number: str, agency_code: str) -> Receipt | None:
    """A receipt of this agency; another agency's is not shown."""
    settled = _settled_by()
    row = connection.execute(
        select(
            deposit.c.receipt_number,
            artisan.c.full_name,
            deposit.c.total_centimes,
            payment_code.c.fee_centimes,
            func.coalesce(settled.c.contribution, payment_code.c.contribution_centimes),
            func.coalesce(settled.c.penalty, payment_code.c.penalty_centimes),
            payment_code.c.first_period,
            func.coalesce(settled.c.last, payment_code.c.last_period),
            deposit.c.received_at,
            deposit.c.agency_code,
            deposit.c.agent_number,
            deposit.c.terminal,
            reversal.c.reversed_at,
        )
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .join(artisan, artisan.c.id == deposit.c.artisan_id)
        .outerjoin(reversal, reversal.c.receipt_number == deposit.c.receipt_number)
        .outerjoin(settled, true())
        .where(deposit.c.receipt_number == number, deposit.c.agency_code == agency_code)
    ).one_or_none()
    if row is None:
        return None
    number, name, total, fee, contribution, penalty, first, last, received, *where = row
    return Receipt(
        number,
        name,
        Money(total),
        Money(fee),
        Money(contribution),
        Money(penalty),
        Month.of(first),
        Month.of(last),
        received,
        *where,
    )


def _settled_by() -> FromClause:
    """What the deposit settled; fewer months than its code's where less was sent."""
    row = contribution_allocation.c
    return (
        select(
            func.sum(row.contribution_centimes).cast(BigInteger).label("contribution"),
            func.sum(row.penalty_centimes).cast(BigInteger).label("penalty"),
            func.max(row.period).label("last"),
        )
        .where(row.receipt_number == deposit.c.receipt_number)
        .lateral()
    )


def is_of_today(receipt: Receipt, now: datetime) -> bool:
    """Whether its agency may still undo it: on its day, once."""
    return receipt.reversed_at is None and local_date(receipt.received_at) == local_date(now)


def receipt_phones(connection: Connection, code: str) -> dict[Phone, str]:
    """Where the receipt goes and in which language: the phone that asked for the code before the
    register's, and whoever pays or is paid for.
    """
    phone = func.coalesce(payment_code.c.phone, artisan.c.phone)
    asked = (
        select(phone, func.coalesce(phone_profile.c.language, artisan.c.language))
        .join(artisan, artisan.c.id == payment_code.c.artisan_id)
        .outerjoin(phone_profile, phone_profile.c.phone == phone)
        .where(payment_code.c.code == code, phone.is_not(None))
    )
    watching = select(receipt_recipient.c.phone, receipt_recipient.c.language).where(
        receipt_recipient.c.code == code
    )
    rows = connection.execute(asked.union_all(watching))
    return {Phone(number): language for number, language in rows}
