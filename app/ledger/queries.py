"""Reads the books: an account's statement, and all accounts' balances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, func, select

from app.base.clock import local_midnight
from app.base.money import Money, total
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


@dataclass(frozen=True, slots=True)
class StatementPage:
    """An account's lines from the day `first` to before `end`, after the transaction named."""

    account: str
    first: date
    end: date
    after: int | None = None


def list_statement_page(
    connection: Connection, asked: StatementPage, most: int
) -> list[StatementLine]:
    """Returns at most `most` lines of an account, in the order of their transactions.

    A transaction's lines of one account are one, their sum.
    """
    columns, line = ledger_transaction.c, ledger_line.c
    statement = (
        select(func.sum(line.amount_centimes).cast(BigInteger).label("amount"), *_SHOWN)
        .join(ledger_line, line.transaction_id == columns.id)
        .where(
            line.account == asked.account,
            columns.occurred_at >= local_midnight(asked.first),
            columns.occurred_at < local_midnight(asked.end),
        )
        .group_by(columns.id)
        .order_by(columns.id)
        .limit(most)
    )
    if asked.after is not None:
        statement = statement.where(columns.id > asked.after)
    return [_read_line(row) for row in connection.execute(statement)]


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
    values = {**row._mapping, "amount": Money(row.amount)}
    return StatementLine(**values)


def _select_balance(*columns: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    balance = func.coalesce(func.sum(ledger_line.c.amount_centimes), 0).cast(BigInteger)
    return select(*columns, balance.label("balance")).join_from(
        ledger_line, ledger_transaction, ledger_transaction.c.id == ledger_line.c.transaction_id
    )
