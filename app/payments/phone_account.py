"""Reads everything the first screen of a dialogue shows of a phone, in one statement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Label,
    ScalarSelect,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.agents.models import agency, agent
from app.agents.queries import WORKING
from app.base.driver import AnyConnection, Prepared
from app.base.money import Money
from app.base.phone import Phone
from app.enrolment.models import (
    LOST_NUMBER,
    artisan,
    artisan_pin,
    ended_tie,
    phone_profile,
    pin_reset,
)
from app.enrolment.queries import PERSON, Artisan, owners_of, read_artisan
from app.enrolment.ties import select_way
from app.messaging.models import message
from app.payments.models import deposit, payment_code, receipt_recipient
from app.payments.queries import (
    PaymentAccount,
    account_columns,
    json_object,
    read_account,
    read_moment,
    version_of,
)

_PHONE, _NOW = bindparam("phone", type_=Text), bindparam("now", type_=DateTime(True))


@dataclass(frozen=True, slots=True)
class PinStatus:
    """An artisan's PIN: set or not, and whether a one-time code to replace it may be typed."""

    has_pin: bool
    has_reset: bool


@dataclass(frozen=True, slots=True)
class LostReceipt:
    """A receipt whose SMS to this phone failed, with what anybody holding the phone may read."""

    receipt: str
    total: Money
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """The account of a phone: its language, its agent, and the first of its `people` as `artisan`.

    People who identified on the phone come before those the register has for it. `account` is that
    artisan's, `way` how the phone is tied to that artisan. `lost` is the newest receipt whose SMS
    to the phone failed.
    """

    language: str | None
    agent_id: int | None
    agent_generation: int | None
    people: int
    artisan: Artisan | None
    way: str | None
    account: PaymentAccount
    pin_status: PinStatus
    lost: LostReceipt | None


class _PackedReceipt(TypedDict):
    receipt: str
    total: int
    received_at: float


def find_phone_account(connection: AnyConnection, phone: Phone, now: datetime) -> PhoneAccount:
    """Returns a phone's account, empty for an unknown phone, read in one statement."""
    row = _PHONE_ACCOUNT.fetch_one(connection, phone=phone.e164, now=now)
    return PhoneAccount(
        language=row.phone_language,
        agent_id=row.agent_id,
        agent_generation=row.agent_generation,
        people=row.people,
        artisan=read_artisan(row) if row.id is not None else None,
        way=row.way,
        account=read_account(row),
        pin_status=PinStatus(row.has_pin, row.has_reset),
        lost=_read_receipt(row.lost),
    )


def find_lost_receipt(connection: AnyConnection, phone: Phone) -> LostReceipt | None:
    """Returns the newest receipt whose SMS to the phone failed and was not shown since."""
    return _read_receipt(_LOST.fetch_value(connection, phone=phone.e164))


@dataclass(frozen=True, slots=True)
class TiedAccount:
    """An artisan with the account, and the tie of a phone; `way` is None if it is not tied."""

    way: str | None
    artisan: Artisan
    account: PaymentAccount


def get_tied_account(
    connection: AnyConnection,
    phone: Phone,
    artisan_id: int,
    now: datetime,
    known: tuple[str, int] | None = None,
) -> TiedAccount | None:
    """Returns an artisan, the whole account and the phone's tie, read in one statement.

    Returns None if they still are as `known`, the tie and the account's version. For a phone tied
    by papers alone the caller hides what others asked.
    """
    way, version = known or (None, None)
    asked = {"phone": phone.e164, "artisan": artisan_id, "now": now, "way": way, "known": version}
    row = _TIED_ACCOUNT.fetch_one(connection, **asked)
    if row is None:
        return None
    return TiedAccount(row.way, read_artisan(row), read_account(row))


def hide_what_others_asked(
    connection: AnyConnection, phone: Phone, artisan_id: int, account: PaymentAccount
) -> PaymentAccount:
    """Returns the account with the code and the deposits alone that this phone asked for.

    For a phone tied by papers. What was asked before the number changed hands is not its own.
    """
    rows = _ASKED.fetch_all(connection, phone=phone.e164, artisan=artisan_id)
    codes, receipts = {row.code for row in rows}, {row.receipt_number for row in rows}
    return replace(
        account,
        code=account.code if account.code and account.code.code in codes else None,
        deposits=tuple(one for one in account.deposits if one.receipt in receipts),
    )


def get_pin_status(
    connection: AnyConnection, phone: Phone, artisan_id: int, now: datetime
) -> PinStatus:
    """Returns the PIN status of an artisan, by our own id, as a phone finds it."""
    row = _PIN_STATUS.fetch_one(connection, phone=phone.e164, artisan=artisan_id, now=now)
    return PinStatus(row.has_pin, row.has_reset)


def _phone_account_statement() -> Select[*tuple[object, ...]]:
    owner, working = owners_of(_PHONE), agent.join(agency, agency.c.code == agent.c.agency_code)
    in_order = func.array_agg(aggregate_order_by(owner.c.id, owner.c.rank, owner.c.id))
    caller = select(
        func.count(owner.c.id.distinct()).label("people"), in_order[1].label("first")
    ).subquery("caller")
    language = select(phone_profile.c.language).where(phone_profile.c.phone == _PHONE)
    return (
        select(
            language.scalar_subquery().label("phone_language"),
            agent.c.id.label("agent_id"),
            agent.c.generation.label("agent_generation"),
            caller.c.people,
            select_way(_PHONE).label("way"),
            _lost_receipt().label("lost"),
            *_pin_columns(artisan.c.id),
            *account_columns(artisan.c.id),
            version_of(artisan.c.id),
            *PERSON,
        )
        .select_from(caller)
        .outerjoin(artisan, artisan.c.id == caller.c.first)
        .outerjoin(working, and_(agent.c.phone == _PHONE, *WORKING))
    )


def _lost_receipt() -> ScalarSelect[_PackedReceipt]:
    """Selects the newest failed receipt, from the index of failed receipts alone.

    The event key of a receipt's SMS is `receipt:NUMBER:...`.
    """
    columns, number = message.c, func.split_part(message.c.event_key, ":", 2)
    packed = json_object(
        receipt=deposit.c.receipt_number,
        total=deposit.c.total_centimes,
        received_at=func.extract("epoch", deposit.c.received_at),
    )
    return (
        select(packed)
        .select_from(message)
        .join(deposit, deposit.c.receipt_number == number)
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(
            columns.phone == _PHONE,
            columns.kind == literal_column("'receipt'"),
            columns.state == literal_column("'failed'"),
            columns.made_up_at.is_(None),
            payment_code.c.state != "reversed",
        )
        .order_by(columns.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _read_receipt(packed: _PackedReceipt | None) -> LostReceipt | None:
    if packed is None:
        return None
    return LostReceipt(
        packed["receipt"], Money(packed["total"]), read_moment(packed["received_at"])
    )


def _pin_columns(artisan_id: ColumnElement[int]) -> tuple[Label[bool], ...]:
    reset = pin_reset.c
    asked = reset.artisan_id == artisan_id, reset.phone == _PHONE
    usable = *asked, reset.expires_at > _NOW, reset.tries_left > 0
    return (
        exists().where(artisan_pin.c.artisan_id == artisan_id).label("has_pin"),
        exists().where(*usable).label("has_reset"),
    )


def _tied_account_statement() -> Select[*tuple[object, ...]]:
    """Selects the artisan's line, or none if tie and version are those that are known."""
    # With an OFFSET the planner leaves the line whole: the version is computed once.
    line = (
        select(*PERSON, select_way(_PHONE).label("way"), version_of(artisan.c.id))
        .where(artisan.c.id == _ARTISAN)
        .offset(0)
        .subquery("line")
    )
    changed = or_(
        line.c.version.is_distinct_from(bindparam("known", type_=BigInteger)),
        line.c.way.is_distinct_from(bindparam("way", type_=Text)),
    )
    return select(line, *account_columns(line.c.id)).where(changed)


def _asked_statement() -> Select[tuple[str, str | None]]:
    code, recipient = payment_code.c, receipt_recipient.c
    ended = ended_tie.c
    lost_since = exists().where(
        ended.phone == _PHONE, ended.why.in_(LOST_NUMBER), ended.ended_at >= code.issued_at
    )
    sent_too = exists().where(recipient.code == code.code, recipient.phone == _PHONE)
    return (
        select(code.code, deposit.c.receipt_number)
        .outerjoin(deposit, deposit.c.code == code.code)
        .where(code.artisan_id == _ARTISAN, or_(code.phone == _PHONE, sent_too))
        .where(~lost_since)
    )


# Built once: building them takes longer than running them.
_ARTISAN = bindparam("artisan", type_=BigInteger)
_ASKED = Prepared(_asked_statement())
_TIED_ACCOUNT = Prepared(_tied_account_statement())
_PHONE_ACCOUNT = Prepared(_phone_account_statement())
_LOST = Prepared(select(_lost_receipt()))
_PIN_STATUS = Prepared(select(*_pin_columns(bindparam("artisan", type_=BigInteger))))
