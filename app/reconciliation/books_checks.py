"""Checks the books as `flask ledger verify` does, and keeps what was found, once a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from app.audit.checking import SEAL_RULES, find_broken_seals
from app.audit.sealing import count_unsealed
from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.operation import Operation
from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.ledger.models import ledger_transaction
from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.models import books_check
from app.reconciliation.money_rules import RULES, find_broken_rules


@dataclass(frozen=True, slots=True)
class BooksFindings:
    """Rules that were looked at, those broken with their rows, and audit rows without a seal."""

    rules: int
    broken: Mapping[str, list[str]]
    unsealed: int
    unsealed_since: datetime | None
    transactions: int


@dataclass(frozen=True, slots=True)
class BooksCheck:
    """The last check of a day, over so many transactions."""

    day: date
    checked_at: datetime
    rules: int
    broken: Mapping[str, list[str]]
    unsealed: int
    transactions: int


BOOKS_RULES: Mapping[str, str] = {**RULES, **CNSS_RULES}
_ONE_CHECK = int.from_bytes(b"books", "big")
_LISTED = tuple(books_check.c[name] for name in BooksCheck.__slots__)


def verify_books(connection: Connection) -> BooksFindings:
    """Checks every rule of the books and the audit's seals; the caller's snapshot is one."""
    broken = {**find_broken_rules(connection, BOOKS_RULES), **find_broken_seals(connection)}
    waiting = count_unsealed(connection)
    count = len(BOOKS_RULES) + len(SEAL_RULES)
    transactions = connection.execute(select(func.count()).select_from(ledger_transaction))
    return BooksFindings(count, broken, waiting.rows, waiting.since, transactions.scalar_one())


def hold_books(connection: Connection) -> bool:
    """Keeps other workers from a check until the transaction ends. Returns False if one checks."""
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(_ONE_CHECK))).scalar())


def is_check_due(connection: Connection, now: datetime) -> bool:
    """True if nothing was kept of today yet."""
    known = select(books_check.c.day).where(books_check.c.day == local_date(now))
    return connection.execute(known).scalar() is None


def keep_check(operation: Operation, found: BooksFindings) -> None:
    """Keeps what a check of today found, in place of an earlier one."""
    values = {
        "checked_at": operation.now,
        "rules": found.rules,
        "broken": dict(found.broken),
        "unsealed": found.unsealed,
        "transactions": found.transactions,
    }
    statement = insert(books_check).values(day=local_date(operation.now), **values)
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["day"], set_=values)
    )
    record_audit(operation, "books_checked", "books", rules=found.rules, broken=len(found.broken))


CHECK_SORTING = Sorting(
    {"day": books_check.c.day, "unsealed": books_check.c.unsealed}, books_check.c.day, "-day"
)


def list_books_checks(connection: Connection, asked: RowsAsked) -> PageOfRows[BooksCheck]:
    """Returns the days' checks that are asked for."""
    return read_page(
        connection,
        select(*_LISTED),
        CHECK_SORTING,
        asked,
        lambda row: read_row(BooksCheck, row),
    )
