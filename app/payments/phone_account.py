"""Reads who calls: all that the first screen of a talk needs, in one statement over three rooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    ScalarSelect,
    Select,
    Text,
    bindparam,
    exists,
    func,
    literal_column,
    select,
)

from app.agents.models import agent
from app.base.money import Money
from app.base.phone import Phone
from app.enrolment.models import artisan, artisan_pin, phone_profile, pin_reset
from app.enrolment.queries import PERSON, Artisan, owners_of
from app.messaging.models import message
from app.payments.models import deposit, payment_code
from app.payments.queries import PaymentAccount, account_columns, account_of

_PHONE, _NOW = bindparam("phone", type_=Text), bindparam("now", type_=DateTime(True))


@dataclass(frozen=True, slots=True)
class PinStatus:
    """Whether a PIN is set, and whether a one-time code to replace it may be typed."""

    has_pin: bool
    has_reset: bool


@dataclass(frozen=True, slots=True)
class LostReceipt:
    """A receipt whose message to this phone did not arrive: what it said, as far as anybody who
    holds the phone may read it.
    """

    receipt: str
    total: Money
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """Whose phone it is: the language chosen there, the agent, and the first of `people` artisans.

    Who identified on the phone comes before the register's; the account is the first artisan's.
    `lost` is the newest receipt that was sent to the phone in vain.
    """

    language: str | None
    agent_id: int | None
    people: int
    artisan: Artisan | None
    account: PaymentAccount
    locks: PinStatus
    lost: LostReceipt | None


def find_phone_account(connection: Connection, phone: Phone, now: datetime) -> PhoneAccount:
    row = connection.execute(_CALLER, {"phone": phone.e164, "now": now}).one()
    language, agent_id, people, lost, has_pin, has_reset, live, settled, deposits, *person = row
    return PhoneAccount(
        language,
        agent_id,
        people,
        Artisan(*person) if person[0] is not None else None,
        account_of(live, settled, deposits),
        PinStatus(has_pin, has_reset),
        _lost_receipt(lost),
    )


def find_lost_receipt(connection: Connection, phone: Phone) -> LostReceipt | None:
    """The same of the phone alone: what is to be shown next."""
    return _lost_receipt(connection.execute(_LOST, {"phone": phone.e164}).scalar())


def get_locks(connection: Connection, artisan_id: int, now: datetime) -> PinStatus:
    """The same of one artisan, by our own id."""
    return PinStatus(*connection.execute(_LOCKS, {"artisan": artisan_id, "now": now}).one())


def _caller_statement() -> Select[Any]:
    # Asked once, and short: the driver keeps no text over 4 KB, and reads it anew each time.
    owner = select(owners_of(_PHONE)).cte("mine")
    one = select(owner.c.id).order_by(owner.c.rank, owner.c.id).limit(1).cte("one")
    first = select(one.c.id).scalar_subquery()
    people = select(func.count(owner.c.id.distinct())).scalar_subquery()
    language = select(phone_profile.c.language).where(phone_profile.c.phone == _PHONE)
    working = select(agent.c.id).where(agent.c.phone == _PHONE, agent.c.active)
    line = select(
        language.scalar_subquery().label("language"),
        working.order_by(agent.c.id).limit(1).scalar_subquery().label("agent_id"),
        people.label("people"),
        _lost_row().label("lost"),
        *(column.label(name) for column, name in _locks(first)),
        *account_columns(first),
    ).subquery("line")
    return select(line, *PERSON).select_from(line).outerjoin(artisan, artisan.c.id == first)


def _lost_row() -> ScalarSelect[Any]:
    """By an index of such messages alone. A receipt's event is `receipt:NUMBER:...`."""
    row, number = message.c, func.split_part(message.c.event_key, ":", 2)
    told = func.json_build_array(
        deposit.c.receipt_number,
        deposit.c.total_centimes,
        func.extract("epoch", deposit.c.received_at),
    )
    return (
        select(told)
        .select_from(message)
        .join(deposit, deposit.c.receipt_number == number)
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(
            row.phone == _PHONE,
            row.kind == literal_column("'receipt'"),
            row.state == literal_column("'failed'"),
            row.made_up_at.is_(None),
            payment_code.c.state != "reversed",
        )
        .order_by(row.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _lost_receipt(row: list[Any] | None) -> LostReceipt | None:
    if row is None:
        return None
    receipt, total, received = row
    return LostReceipt(receipt, Money(total), datetime.fromtimestamp(received, UTC))


def _locks(artisan_id: Any) -> list[tuple[Any, str]]:
    reset = pin_reset.c
    return [
        (exists().where(artisan_pin.c.artisan_id == artisan_id), "has_pin"),
        (
            exists().where(
                reset.artisan_id == artisan_id, reset.expires_at > _NOW, reset.tries_left > 0
            ),
            "has_reset",
        ),
    ]


# Built once: building them takes longer than running them.
_CALLER = _caller_statement()
_LOST = select(_lost_row())
_LOCKS = select(*(lock for lock, _ in _locks(bindparam("artisan", type_=BigInteger))))
