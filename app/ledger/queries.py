"""Reads the books: an account's statement, and all accounts' balances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, func, select

from app.base.clock import local_midnight
from app.base.money import Money
from app.ledger.models import ledger_account, ledger_line, ledger_transaction


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of an account; `amount` is positive where it is a debit."""

    amount: Money
    transaction: int
    occurred_at: datetime
    event: str
    receipt: str | None
    network: str
    agent: str | None
    terminal: str | None
    made_by: str
    approved_by: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """An account from one midnight in Morocco to another."""

    account: str
    opening: Money
    entries: tuple[StatementLine, ...]

    @property
    def closing(self) -> Money:
        return sum((entry.amount for entry in self.entries), self.opening)


def account_statement(connection: Connection, account: str, first: date, end: date) -> Statement:
    """The days from `first` up to, and without, `end`."""
    row, line = ledger_transaction.c, ledger_line.c
    start, stop = local_midnight(first), local_midnight(end)
    before = _sums().where(line.account == account, row.occurred_at < start)
    opening: int = connection.execute(before).scalar_one()
    entries: Any = connection.execute(
        select(
            line.amount_centimes,
            row.id,
            row.occurred_at,
            row.event,
            row.receipt_number,
            row.network,
            row.agent_number,
            row.terminal,
            row.made_by,
            row.approved_by,
        )
        .join(ledger_line, line.transaction_id == row.id)
        .where(line.account == account, row.occurred_at >= start, row.occurred_at < stop)
        .order_by(row.occurred_at, row.id, line.position)
    )
    found = (_entry(*row) for row in entries)
    return Statement(account, Money(opening), tuple(found))


def _entry(*row: Any) -> StatementLine:
    centimes, *told = row
    return StatementLine(Money(centimes), *told)


def trial_balance(connection: Connection, end: date) -> dict[str, Money]:
    """Every account's balance at the midnight that begins `end`; together they are nothing."""
    row, line = ledger_transaction.c, ledger_line.c
    sums = (
        _sums(line.account.label("account"))
        .where(row.occurred_at < local_midnight(end))
        .group_by(line.account)
        .subquery()
    )
    balances = connection.execute(
        select(ledger_account.c.code, func.coalesce(sums.c.balance, 0))
        .outerjoin(sums, sums.c.account == ledger_account.c.code)
        .order_by(ledger_account.c.code)
    )
    return {account: Money(balance) for account, balance in balances}


def balances_of_reference(connection: Connection, reference: str) -> dict[str, Money]:
    """Returns what all transactions of a reference left in each account they touch."""
    columns = ledger_line.c
    sums = (
        _sums(columns.account)
        .where(ledger_transaction.c.receipt_number == reference)
        .group_by(columns.account)
        .order_by(columns.account)
    )
    return {row.account: Money(row.balance) for row in connection.execute(sums)}


def list_accounts(connection: Connection) -> list[str]:
    """Their codes."""
    rows = connection.execute(select(ledger_account.c.code).order_by(ledger_account.c.code))
    return list(rows.scalars())


def _sums(*columns: ColumnElement[Any]) -> Select[Any]:
    total = func.coalesce(func.sum(ledger_line.c.amount_centimes), 0).cast(BigInteger)
    return select(*columns, total.label("balance")).join_from(
        ledger_line, ledger_transaction, ledger_transaction.c.id == ledger_line.c.transaction_id
    )
