"""Reads the books: an account's statement, and all accounts' balances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, func, select, true

from app.base.clock import local_midnight
from app.base.money import Money, total
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.ledger.models import EVENTS, ledger_account, ledger_line, ledger_transaction

# What a statement's line shows of its transaction, by the names of StatementLine.
_SHOWN = (
    ledger_transaction.c.id.label("transaction"),
    *(
        ledger_transaction.c[name]
        for name in ("occurred_at", "event", "reference", "metadata", "made_by", "approved_by")
    ),
)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line of an account; `amount` is positive for a debit."""

    amount: Money
    transaction: int
    occurred_at: datetime
    event: str
    reference: str | None
    metadata: Mapping[str, str]
    made_by: str
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """The lines of an account from one midnight in Morocco to another, and its opening balance."""

    account: str
    opening: Money
    entries: tuple[StatementLine, ...]

    @property
    def closing(self) -> Money:
        return self.opening + total([entry.amount for entry in self.entries])


def account_statement(connection: Connection, account: str, first: date, end: date) -> Statement:
    """Returns an account's lines from the day `first` to the day before `end`."""
    columns, line = ledger_transaction.c, ledger_line.c
    start, stop = local_midnight(first), local_midnight(end)
    before = _select_balance().where(line.account == account, columns.occurred_at < start)
    opening = connection.execute(before).scalar_one()
    rows = connection.execute(
        select(line.amount_centimes.label("amount"), *_SHOWN)
        .join(ledger_line, line.transaction_id == columns.id)
        .where(line.account == account, columns.occurred_at >= start, columns.occurred_at < stop)
        .order_by(columns.occurred_at, columns.id, line.position)
    )
    return Statement(account, Money(opening), tuple(_read_line(row) for row in rows))


# By the index of a transaction's moments, which days narrow.
STATEMENT_SORTING = Sorting({"at": ledger_transaction.c.occurred_at}, ledger_transaction.c.id, "at")


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """An account's lines from the day `first` to before `end`."""

    account: str
    first: date
    end: date


def list_statement_page(
    connection: Connection, query: StatementQuery, asked: RowsAsked
) -> PageOfRows[StatementLine]:
    """Returns the lines of an account that are asked for.

    A transaction's lines of one account are one, their sum.
    """
    columns, line = ledger_transaction.c, ledger_line.c
    own = line.transaction_id == columns.id, line.account == query.account
    # Transaction by transaction, in their order: all lines of an account are too many.
    sums = select(func.sum(line.amount_centimes).cast(BigInteger).label("amount")).where(*own)
    booked = sums.lateral()
    statement = (
        select(booked.c.amount, *_SHOWN)
        .join_from(ledger_transaction, booked, true())
        .where(
            booked.c.amount.is_not(None),
            columns.occurred_at >= local_midnight(query.first),
            columns.occurred_at < local_midnight(query.end),
        )
    )
    return read_page(connection, statement, STATEMENT_SORTING, asked, _read_line)


def trial_balance(connection: Connection, end: date) -> dict[str, Money]:
    """Returns each account's balance at the midnight that begins `end`; together they are zero."""
    columns, line = ledger_transaction.c, ledger_line.c
    sums = (
        _select_balance(line.account.label("account"))
        .where(columns.occurred_at < local_midnight(end))
        .group_by(line.account)
        .subquery()
    )
    balances = connection.execute(
        select(ledger_account.c.code, func.coalesce(sums.c.balance, 0).label("balance"))
        .outerjoin(sums, sums.c.account == ledger_account.c.code)
        .order_by(ledger_account.c.code)
    )
    return {row.code: Money(row.balance) for row in balances}


def find_transaction(connection: Connection, event: str, reference: str) -> int | None:
    """Returns the number of the newest transaction of that event and reference; None if none."""
    columns = ledger_transaction.c
    statement = select(func.max(columns.id)).where(
        columns.event == event, columns.reference == reference
    )
    return connection.execute(statement).scalar()


def balances_of_reference(
    connection: Connection, reference: str | None, events: tuple[str, ...] = EVENTS
) -> dict[str, Money]:
    """Returns the balance of each account over the transactions of a reference and these events."""
    columns = ledger_transaction.c
    sums = (
        _select_balance(ledger_line.c.account)
        .where(columns.reference == reference, columns.event.in_(events))
        .group_by(ledger_line.c.account)
        .order_by(ledger_line.c.account)
    )
    return {row.account: Money(row.balance) for row in connection.execute(sums)}


def _read_line(row: Row[Any]) -> StatementLine:
    """Reads a row of `amount` and the shown columns of its transaction."""
    line = read_row(StatementLine, row)
    return replace(line, amount=Money(row.amount))


def _select_balance(*columns: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    balance = func.coalesce(func.sum(ledger_line.c.amount_centimes), 0).cast(BigInteger)
    return select(*columns, balance.label("balance")).join_from(
        ledger_line, ledger_transaction, ledger_transaction.c.id == ledger_line.c.transaction_id
    )
