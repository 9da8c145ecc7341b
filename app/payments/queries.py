"""Reads an artisan's account: the live code, the settled months, the newest deposits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, TypedDict

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Label,
    Select,
    SQLColumnExpression,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.agents.models import agency
from app.agents.networks import shown_network
from app.agents.places import name_place
from app.base.clock import local_date
from app.base.driver import AnyConnection, Prepared
from app.base.money import Money
from app.base.months import Month, Period
from app.enrolment.models import artisan
from app.enrolment.queries import PERSON, Artisan, read_artisan
from app.payments.models import contribution_allocation, deposit, payment_code

_SHOWN_DEPOSITS = 10
# A short name: the driver keeps no statement over 4 KB.
_settled = contribution_allocation.alias("paid")
_ARTISAN, _NOW = bindparam("artisan", type_=BigInteger), bindparam("now", type_=DateTime(True))


@dataclass(frozen=True, slots=True)
class Terms:
    """The amount and the months of a code: what a person is asked, and agrees to."""

    total: Money
    period: Period


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A live code: it pays the months of `period` until `expires_at`."""

    code: str
    total: Money
    period: Period
    expires_at: datetime

    @property
    def terms(self) -> Terms:
        return Terms(self.total, self.period)


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit as the artisan sees it; `agency` is the place that its receipt names.

    `posted_on` is the day on which CNSS credited its last month; None while one is not credited.
    """

    receipt: str
    total: Money
    period: Period
    received_at: datetime
    agency: str
    posted_on: date | None


@dataclass(frozen=True, slots=True)
class PaymentAccount:
    """An artisan's payments as this service knows them; `deposits` newest first.

    `paid_late` has the months settled with a penalty and the day each was paid; their penalties
    count against the cap of the year. `version` changes with everything that the account and the
    register's part show; a code is made for the account of that version alone.
    """

    code: IssuedCode | None
    settled: frozenset[Month]
    deposits: tuple[Deposit, ...]
    paid_late: tuple[tuple[Month, date], ...] = ()
    version: int = 0


class PackedCode(TypedDict):
    """A live code as PostgreSQL gives it in JSON; a moment is seconds since 1970."""

    code: str
    total: int
    first: str
    last: str
    expires_at: float


class PackedDeposit(TypedDict):
    """A deposit as PostgreSQL gives it in JSON; a moment is seconds since 1970."""

    receipt: str
    total: int
    first: str
    last: str
    received_at: float
    network: str
    agency: str | None
    town: str | None
    posted_on: str | None


# Each settled month, with the moment it was paid if it had a penalty, else None.
PackedMonths = Mapping[str, float | None]


def get_account(connection: AnyConnection, artisan_id: int, now: datetime) -> PaymentAccount:
    """Returns an artisan's account, read in one statement.

    A code past `expires_at` is not live even if its row still says `issued`.
    """
    row = _ACCOUNT.fetch_one(connection, artisan=artisan_id, now=now)
    return read_account(row)


def get_accounts(
    connection: Connection, artisan_ids: Sequence[int], now: datetime
) -> dict[int, tuple[Artisan, PaymentAccount]]:
    """Returns artisans with their accounts, without deposits, by id, read in one statement."""
    rows = connection.execute(_ACCOUNTS, {"artisans": list(artisan_ids), "now": now})
    return {row.id: (read_artisan(row), read_account(row)) for row in rows}


class AccountRow(Protocol):
    """A row that has the columns of `account_columns` and `version_of`, and perhaps others."""

    live: PackedCode | None
    settled: PackedMonths | None
    deposits: Sequence[PackedDeposit] | None
    version: int | None


def read_account(row: AccountRow) -> PaymentAccount:
    """Returns the account of a row."""
    months = {_read_month(month): late for month, late in (row.settled or {}).items()}
    return PaymentAccount(
        code=_read_code(row.live) if row.live else None,
        settled=frozenset(months),
        deposits=tuple(_read_deposit(packed) for packed in row.deposits or ()),
        paid_late=tuple(
            (month, local_date(read_moment(late))) for month, late in months.items() if late
        ),
        version=row.version or 0,
    )


def read_moment(epoch: float) -> datetime:
    """Returns the moment that many seconds after 1970, UTC."""
    return datetime.fromtimestamp(epoch, UTC)


def json_object(**columns: SQLColumnExpression[Any]) -> ColumnElement[object]:
    """Returns a JSON object with the columns under their names.

    The names are literals, not parameters: the driver prepares no statement over 4 KB.
    """
    parts: list[SQLColumnExpression[Any]] = []
    for name, column in columns.items():
        parts += (literal_column(f"'{name}'"), column)
    return func.json_build_object(*parts)


def account_columns(artisan: ColumnElement[int]) -> tuple[Label[object], ...]:
    """Returns the columns `live`, `settled` and `deposits` in JSON; `now` is a parameter."""
    code, allocation = payment_code.c, _settled.c
    live = (
        select(
            json_object(
                code=code.code,
                total=code.total_centimes,
                first=code.first_period,
                last=code.last_period,
                expires_at=func.extract("epoch", code.expires_at),
            )
        )
        .where(code.artisan_id == artisan, code.state == "issued", code.expires_at > _NOW)
        .scalar_subquery()
    )
    late = case((allocation.penalty_centimes > 0, func.extract("epoch", deposit.c.received_at)))
    settled = (
        select(func.json_object_agg(allocation.period, late))
        .join(deposit, deposit.c.receipt_number == allocation.receipt_number)
        .where(allocation.artisan_id == artisan)
        .scalar_subquery()
    )
    newest = _newest_deposits(artisan).subquery()
    deposits = select(func.json_agg(newest.c.packed)).scalar_subquery()
    return live.label("live"), settled.label("settled"), deposits.label("deposits")


def version_of(artisan: ColumnElement[int]) -> Label[int]:
    """Returns the column `version` of an account."""
    version: ColumnElement[int] = func.account_version(artisan)
    return version.label("version")


def _newest_deposits(artisan: ColumnElement[int]) -> Select[object]:
    allocation = _settled.c
    posted = (
        select(func.max(allocation.posted_on))
        .where(allocation.receipt_number == deposit.c.receipt_number)
        .having(func.bool_and(allocation.posted_on.is_not(None)))
        .scalar_subquery()
    )
    # The code's last month may be unpaid: some networks may send less cash than a code costs.
    last = (
        select(func.max(allocation.period))
        .where(allocation.receipt_number == deposit.c.receipt_number)
        .scalar_subquery()
    )
    packed = json_object(
        receipt=deposit.c.receipt_number,
        total=deposit.c.total_centimes,
        first=payment_code.c.first_period,
        last=last,
        received_at=func.extract("epoch", deposit.c.received_at),
        network=shown_network(deposit.c.network),
        agency=agency.c.name,
        town=agency.c.town_code,
        posted_on=posted,
    )
    return (
        select(packed.label("packed"))
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .outerjoin(agency, agency.c.code == deposit.c.agency_code)
        .where(deposit.c.artisan_id == artisan, payment_code.c.state != "reversed")
        .order_by(deposit.c.received_at.desc())
        .limit(_SHOWN_DEPOSITS)
        # The artisan is the surrounding statement's: selected here again, all of it is read twice.
        .correlate_except(deposit, payment_code, agency)
    )


# Built once: building it takes longer than running it.
_ACCOUNT = Prepared(select(*account_columns(_ARTISAN), version_of(_ARTISAN)))
_LIVE, _SETTLED, _ = account_columns(artisan.c.id)
_ACCOUNTS = select(
    *PERSON, _LIVE, _SETTLED, null().label("deposits"), version_of(artisan.c.id)
).where(artisan.c.id == any_(bindparam("artisans", type_=ARRAY(BigInteger))))


def count_live_codes(connection: Connection) -> int:
    """Returns how many codes are `issued`, from the index that holds those alone."""
    live = select(func.count()).select_from(payment_code).where(text("state = 'issued'"))
    return connection.execute(live).scalar_one()


def _read_code(packed: PackedCode) -> IssuedCode:
    return IssuedCode(
        code=packed["code"],
        total=Money(packed["total"]),
        period=Period(_read_month(packed["first"]), _read_month(packed["last"])),
        expires_at=read_moment(packed["expires_at"]),
    )


def _read_deposit(packed: PackedDeposit) -> Deposit:
    posted_on = packed["posted_on"]
    return Deposit(
        receipt=packed["receipt"],
        total=Money(packed["total"]),
        period=Period(_read_month(packed["first"]), _read_month(packed["last"])),
        received_at=read_moment(packed["received_at"]),
        agency=name_place(packed["network"], packed["agency"], packed["town"]),
        posted_on=date.fromisoformat(posted_on) if posted_on else None,
    )


def _read_month(day: str) -> Month:
    return Month.of(date.fromisoformat(day))
