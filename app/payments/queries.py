"""Reads an artisan's account: the live code, what is settled, what was received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    ScalarSelect,
    Select,
    bindparam,
    case,
    func,
    select,
    text,
)

from app.base.clock import local_date
from app.base.money import Money
from app.base.months import Month
from app.payments.models import contribution_allocation, deposit, payment_code

_SHOWN_DEPOSITS = 10
_ARTISAN, _NOW = bindparam("artisan", type_=BigInteger), bindparam("now", type_=DateTime(True))


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A live code: `months` from `first` to `last`, payable until `expires_at`."""

    code: str
    total: Money
    first: Month
    last: Month
    expires_at: datetime

    @property
    def months(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Deposit:
    """Cash an agent received; `posted_on` once CNSS has credited all of it."""

    receipt: str
    total: Money
    first: Month
    last: Month
    received_at: datetime
    agency: str
    posted_on: date | None

    @property
    def months(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class PaymentAccount:
    """What this service knows of an artisan's payments; `deposits` newest first."""

    code: IssuedCode | None
    settled: frozenset[Month]
    deposits: tuple[Deposit, ...]
    # The months settled with a penalty, and the day each was paid: they used up the year's cap.
    paid_late: tuple[tuple[Month, date], ...] = ()


def get_account(connection: Connection, artisan_id: int, now: datetime) -> PaymentAccount:
    """All of it in one statement; a code past its time is not live, whatever its row says."""
    asked = {"artisan": artisan_id, "now": now}
    return account_of(*connection.execute(_ACCOUNT, asked).one())


def account_of(
    live: list[Any] | None, settled: list[Any] | None, deposits: list[Any] | None
) -> PaymentAccount:
    """The account in the three values of `account_columns`."""
    return PaymentAccount(
        _issued_code(live) if live else None,
        frozenset(Month.parse(period) for period, _ in settled or ()),
        tuple(_deposit(row) for row in deposits or ()),
        tuple(
            (Month.parse(period), local_date(_moment(late)))
            for period, late in settled or ()
            if late
        ),
    )


def account_columns(artisan: ColumnElement[Any]) -> tuple[ScalarSelect[Any], ...]:
    """The live code, the months settled, the newest deposits, as JSON; `now` is a parameter."""
    code, settled = payment_code.c, contribution_allocation.c
    live = (
        select(
            func.json_build_array(
                code.code,
                code.total_centimes,
                func.to_char(code.first_period, "YYYY-MM"),
                func.to_char(code.last_period, "YYYY-MM"),
                func.extract("epoch", code.expires_at),
            )
        )
        .where(code.artisan_id == artisan, code.state == "issued", code.expires_at > _NOW)
        .scalar_subquery()
    )
    late = case((settled.penalty_centimes > 0, func.extract("epoch", deposit.c.received_at)))
    periods = (
        select(func.json_agg(func.json_build_array(func.to_char(settled.period, "YYYY-MM"), late)))
        .join(deposit, deposit.c.receipt_number == settled.receipt_number)
        .where(settled.artisan_id == artisan)
        .scalar_subquery()
    )
    newest = _newest_deposits(artisan).subquery()
    received = select(func.json_agg(newest.c.row)).scalar_subquery()
    return live, periods, received


def _newest_deposits(artisan: ColumnElement[Any]) -> Select[Any]:
    settled = contribution_allocation.c
    posted = (
        select(func.max(settled.posted_on))
        .where(settled.receipt_number == deposit.c.receipt_number)
        .having(func.bool_and(settled.posted_on.is_not(None)))
        .scalar_subquery()
    )
    # Not the code's last month: a network that may send less pays fewer.
    last = (
        select(func.max(settled.period))
        .where(settled.receipt_number == deposit.c.receipt_number)
        .scalar_subquery()
    )
    return (
        select(
            func.json_build_array(
                deposit.c.receipt_number,
                deposit.c.total_centimes,
                func.to_char(payment_code.c.first_period, "YYYY-MM"),
                func.to_char(last, "YYYY-MM"),
                func.extract("epoch", deposit.c.received_at),
                func.coalesce(deposit.c.agency_code, func.initcap(deposit.c.network)),
                posted,
            ).label("row")
        )
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(deposit.c.artisan_id == artisan, payment_code.c.state != "reversed")
        .order_by(deposit.c.received_at.desc())
        .limit(_SHOWN_DEPOSITS)
    )


# Built once: building it takes longer than running it.
_ACCOUNT = select(*account_columns(_ARTISAN))


def _issued_code(row: list[Any]) -> IssuedCode:
    code, total, first, last, expires = row
    return IssuedCode(code, Money(total), Month.parse(first), Month.parse(last), _moment(expires))


def _deposit(row: list[Any]) -> Deposit:
    receipt, total, first, last, received, agency, posted = row
    return Deposit(
        receipt,
        Money(total),
        Month.parse(first),
        Month.parse(last),
        _moment(received),
        agency,
        date.fromisoformat(posted) if posted else None,
    )


def _moment(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def count_live_codes(connection: Connection) -> int:
    """How many codes may still be paid, from the index of just those: ended ones only grow."""
    live = select(func.count()).select_from(payment_code).where(text("state = 'issued'"))
    return connection.execute(live).scalar_one()
