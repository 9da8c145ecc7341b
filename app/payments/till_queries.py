"""Reads what a till needs: a code to be paid, why one is not payable, a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from app.agents.models import agent
from app.base.money import Money
from app.base.months import Month
from app.base.phone import Phone
from app.enrolment.models import artisan, phone_profile
from app.enrolment.queries import PERSON, Artisan
from app.payments.dues import is_still_owed
from app.payments.models import deposit, payment_code, payment_code_line


@dataclass(frozen=True, slots=True)
class PayableCode:
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
class CodeEnd:
    """Why a code is not payable: its state and when it came to it, and who took it if paid."""

    state: str
    ended_at: datetime
    agency: str | None
    agent_number: str | None
    receipt: str | None


def owed_lines(connection: Connection, code: str) -> tuple[Artisan, list[tuple[Month, Money]]]:
    """Whose code it is, and each month's contribution it was made for."""
    rows = connection.execute(
        select(*PERSON, payment_code_line.c.period, payment_code_line.c.contribution_centimes)
        .select_from(payment_code)
        .join(artisan, artisan.c.id == payment_code.c.artisan_id)
        .join(payment_code_line, payment_code_line.c.code == payment_code.c.code)
        .where(payment_code.c.code == code)
    ).all()
    return Artisan(*rows[0][:-2]), [(Month.of(row[-2]), Money(row[-1])) for row in rows]


def find_payable_code(connection: Connection, code: str, now: datetime) -> PayableCode | None:
    """The code if it can be paid at this moment, and what it pays is still owed."""
    row = connection.execute(
        select(
            payment_code.c.code,
            artisan.c.full_name,
            payment_code.c.total_centimes,
            payment_code.c.fee_centimes,
            payment_code.c.first_period,
            payment_code.c.last_period,
            payment_code.c.expires_at,
        )
        .join(artisan, artisan.c.id == payment_code.c.artisan_id)
        .where(
            payment_code.c.code == code,
            payment_code.c.state == "issued",
            payment_code.c.expires_at > now,
        )
    ).one_or_none()
    if row is None or not is_still_owed(*owed_lines(connection, code)):
        return None
    number, name, total, fee, first, last, expires = row
    return PayableCode(
        number, name, Money(total), Money(fee), Month.of(first), Month.of(last), expires
    )


def find_code_end(connection: Connection, code: str) -> CodeEnd | None:
    """How the code ended, or would have by now; None when it was never issued."""
    row = connection.execute(
        select(
            payment_code.c.state,
            func.coalesce(payment_code.c.ended_at, payment_code.c.expires_at),
            deposit.c.agency_code,
            agent.c.number,
            deposit.c.receipt_number,
        )
        .outerjoin(deposit, deposit.c.code == payment_code.c.code)
        .outerjoin(agent, agent.c.id == deposit.c.agent_id)
        .where(payment_code.c.code == code)
    ).one_or_none()
    return CodeEnd(*row) if row else None


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

    @property
    def months(self) -> int:
        return self.last - self.first + 1


def find_receipt(connection: Connection, number: str, agency_code: str) -> Receipt | None:
    """A receipt of this agency; another agency's is not shown."""
    row = connection.execute(
        select(
            deposit.c.receipt_number,
            artisan.c.full_name,
            deposit.c.total_centimes,
            payment_code.c.fee_centimes,
            payment_code.c.contribution_centimes,
            payment_code.c.penalty_centimes,
            payment_code.c.first_period,
            payment_code.c.last_period,
            deposit.c.received_at,
            deposit.c.agency_code,
            agent.c.number,
        )
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .join(artisan, artisan.c.id == deposit.c.artisan_id)
        .join(agent, agent.c.id == deposit.c.agent_id)
        .where(deposit.c.receipt_number == number, deposit.c.agency_code == agency_code)
    ).one_or_none()
    if row is None:
        return None
    number, name, total, fee, contribution, penalty, first, last, received, agency, taker = row
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
        agency,
        taker,
    )


def receipt_phone(connection: Connection, code: str) -> tuple[Phone | None, str]:
    """Where the receipt goes, the phone that asked before the register's, and its language."""
    phone = func.coalesce(payment_code.c.phone, artisan.c.phone)
    row = connection.execute(
        select(phone, func.coalesce(phone_profile.c.language, artisan.c.language))
        .join(artisan, artisan.c.id == payment_code.c.artisan_id)
        .outerjoin(phone_profile, phone_profile.c.phone == phone)
        .where(payment_code.c.code == code)
    ).one()
    return (Phone(row[0]) if row[0] else None), row[1]
