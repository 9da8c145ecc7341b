"""Books transactions; nothing else adds lines to the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import text

from app.base.money import ZERO, Money
from app.base.operation import Operation
from app.base.rows import join_fragments, write_array

# Insert a transaction and its lines as parts of a larger statement, by these names; `entry_values`
# has their parameters.
BOOK_FRAGMENTS = {
    "booked": """
        INSERT INTO ledger_transaction
            (event, reference, metadata, made_by, approved_by, occurred_at)
        VALUES (:booked_event, :booked_reference, CAST(:booked_metadata AS jsonb), :booked_by,
            :booked_approved_by, :booked_at)
        RETURNING id
    """,
    "booked_lines": """
        INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
        SELECT booked.id, line.position, line.account, line.centimes
        FROM booked, unnest(CAST(:booked_accounts AS text[]), CAST(:booked_amounts AS bigint[]))
            WITH ORDINALITY AS line (account, centimes, position)
    """,
}
_BOOK = text(join_fragments("SELECT id FROM booked", BOOK_FRAGMENTS))


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount that moves between two accounts: `source` is credited and `destination` debited.

    Raises: ValueError for a negative amount, or if both accounts are the same.
    """

    source: str
    destination: str
    amount: Money

    def __post_init__(self) -> None:
        if self.amount < ZERO:
            raise ValueError("a posting's amount is not negative")
        if self.source == self.destination:
            raise ValueError("a posting moves its amount to another account")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A transaction to book. `event` is one of `models.EVENTS`.

    `reference` names the thing it is booked for, and `metadata` describes it; the ledger reads
    neither. `approved_by` is the second person, if the event needs two.
    """

    event: str
    postings: tuple[Posting, ...]
    reference: str | None = None
    metadata: Mapping[str, str | None] = field(default_factory=dict)
    approved_by: str | None = None


def book_entry(operation: Operation, entry: LedgerEntry) -> int:
    """Books one transaction with `operation.actor` as its maker. Returns its number.

    Postings of zero are left out. Each account gets one line; debits are positive.
    """
    return int(operation.connection.execute(_BOOK, entry_values(operation, entry)).scalar_one())


def entry_values(operation: Operation, entry: LedgerEntry) -> dict[str, object]:
    """Returns the parameters of `BOOK_FRAGMENTS` for one transaction."""
    lines = sum_by_account(entry.postings)
    return {
        "booked_event": entry.event,
        "booked_reference": entry.reference,
        "booked_metadata": json.dumps(
            {name: value for name, value in entry.metadata.items() if value is not None}
        ),
        "booked_by": operation.actor,
        "booked_approved_by": entry.approved_by,
        "booked_at": operation.now,
        "booked_accounts": write_array(account for account, _ in lines),
        "booked_amounts": write_array(amount for _, amount in lines),
    }


def sum_by_account(postings: Iterable[Posting]) -> list[tuple[str, int]]:
    """Returns the sum of each account in centimes, debits before credits; together zero. Pure."""
    debits: dict[str, int] = {}
    credits: dict[str, int] = {}
    for posting in postings:
        centimes = posting.amount.centimes
        if centimes:
            debits[posting.destination] = debits.get(posting.destination, 0) + centimes
            credits[posting.source] = credits.get(posting.source, 0) - centimes
    return [*debits.items(), *credits.items()]


def postings_to_clear(balances: Mapping[str, Money]) -> tuple[Posting, ...]:
    """Returns the postings after which every account of `balances` is at zero. Pure.

    Raises: ValueError if the balances do not sum to zero.
    """
    debits = [(account, balance) for account, balance in balances.items() if balance > ZERO]
    credits = [(account, ZERO - balance) for account, balance in balances.items() if balance < ZERO]
    if sum(balances.values(), ZERO):
        raise ValueError("the balances do not sum to zero")
    postings = []
    while debits:
        (source, debit), (destination, credit) = debits.pop(), credits.pop()
        amount = min(debit, credit)
        postings.append(Posting(source, destination, amount))
        if debit > amount:
            debits.append((source, debit - amount))
        if credit > amount:
            credits.append((destination, credit - amount))
    return tuple(postings)
