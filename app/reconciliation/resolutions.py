"""Settles a break as one person proposed and another approves: every way is a ledger transaction.

To add a way: its function, and a word in `breaks.RESOLUTIONS` and `_WAYS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select, text

from app.base.money import Money
from app.ledger.breaks import mark_resolved, open_break, propose, take_proposed
from app.ledger.models import CONTRIBUTIONS, PENALTIES, RECEIVABLE, SUSPENSE, ledger_transaction
from app.ledger.service import book
from app.payments.codes import end_live_code, tell_cancelled
from app.payments.collector import Collector
from app.payments.deposits import redeem_code
from app.payments.errors import AlreadyPosted, AlreadyReversed, ReceiptUnknown
from app.payments.models import contribution_allocation, deposit, payment_code
from app.payments.reversals import ReversalRequest, lock_deposit, reverse_deposit
from app.text.words import Words


def ask_reversal(connection: Connection, receipt: str, by: str, reason: str, now: datetime) -> int:
    """A deposit of an earlier day is to be undone: the break that a second person approves.

    ReceiptUnknown, AlreadyReversed.
    """
    found = connection.execute(
        select(deposit.c.network, deposit.c.code, deposit.c.total_centimes, payment_code.c.state)
        .join(payment_code, payment_code.c.code == deposit.c.code)
        .where(deposit.c.receipt_number == receipt)
    ).one_or_none()
    if found is None:
        raise ReceiptUnknown()
    if found.state == "reversed":
        raise AlreadyReversed()
    number = open_break(
        connection,
        "reversal_asked",
        network=found.network,
        receipt=receipt,
        code=found.code,
        ours=Money(found.total_centimes),
        theirs=None,
        now=now,
    )
    propose(connection, number, "reverse", by, reason, now)
    return number


def approve(connection: Connection, number: int, by: str, words: Words, now: datetime) -> int:
    """Does what was proposed for the break; gives the ledger transaction with both names.

    BreakUnknown, SamePerson, and whatever the way itself refuses: then nothing is done.
    """
    found = take_proposed(connection, number, by)
    transaction_id = _WAYS[found.method](connection, found, by, words, now)
    mark_resolved(connection, number, by, transaction_id, now)
    return transaction_id


def _take_up(connection: Connection, found: Any, by: str, words: Words, now: datetime) -> int:
    """Cash in the network's file that was never confirmed: taken as of when it was paid."""
    told = found.details
    collector = Collector(
        "file",
        f"network:{found.network}",
        found.network,
        None,
        told.get("agent_number"),
        told.get("terminal"),
        reference=told["reference"],
        other_amounts=True,
    )
    receipt = redeem_code(
        connection,
        found.code,
        collector,
        key=f"file:{found.file_id}:{found.line}",
        words=words,
        now=now,
        amount=Money(found.their_centimes),
        received_at=datetime.fromisoformat(told["paid_at"]),
        approved_by=by,
    )
    row = ledger_transaction.c
    return int(
        connection.execute(
            select(row.id).where(row.receipt_number == receipt, row.event == "deposit")
        ).scalar_one()
    )


def _reverse(connection: Connection, found: Any, by: str, words: Words, now: datetime) -> int:
    undoing = ReversalRequest("office", found.proposed_by, approved_by=by)
    return reverse_deposit(
        connection, found.receipt_number, undoing, found.reason, words=words, now=now
    )


def _suspense(connection: Connection, found: Any, by: str, words: Words, now: datetime) -> int:
    """The network owes what it says; the difference to our books waits in suspense.

    A code that is still live takes no cash beside that: it ends.
    """
    state, receipt = lock_deposit(connection, found.code, found.network)
    if state == "issued":
        _end(connection, found.code, by, words, now)
    beside = state == "reversed" or found.kind in _BESIDE
    theirs = found.their_centimes or 0
    if beside:
        return _book(connection, found, by, now, theirs, None)
    return _book(
        connection, found, by, now, theirs - _left(connection, receipt, RECEIVABLE), receipt
    )


def _end(connection: Connection, code: str, by: str, words: Words, now: datetime) -> None:
    owner = select(payment_code.c.artisan_id).where(payment_code.c.code == code)
    if end_live_code(connection, connection.execute(owner).scalar_one(), now, by) == "cancelled":
        tell_cancelled(connection, words, code, now)


def _refund(connection: Connection, found: Any, by: str, _words: Words, now: datetime) -> int:
    """What was sent beside the code's amount is the network's to keep or to bring."""
    state, receipt = lock_deposit(connection, found.code, found.network)
    waiting = 0 if state == "reversed" else _left(connection, receipt, SUSPENSE)
    return _book(connection, found, by, now, waiting, receipt)


def _left(connection: Connection, receipt: str | None, account: str) -> int:
    """What the deposit and what was settled about it left in the account. What CNSS refused waits
    in suspense too, and is not the network's.
    """
    asked = {"receipt": receipt, "account": account}
    return int(connection.execute(_LEFT, asked).scalar_one())


def _note(connection: Connection, found: Any, by: str, _words: Words, now: datetime) -> int:
    return _write_down(connection, found, by, now)


def _write_down(connection: Connection, found: Any, by: str, now: datetime) -> int:
    """Looked at, and no money moves: in the books with both names all the same."""
    centimes = found.our_centimes or found.their_centimes or 1
    lines = ((RECEIVABLE, centimes), (RECEIVABLE, -centimes))
    return _transaction(connection, "resolution", lines, found, by, now, found.receipt_number)


def _send_again(connection: Connection, found: Any, by: str, _words: Words, now: datetime) -> int:
    """What CNSS refused goes to it again with the next export."""
    row = contribution_allocation.c
    period = date.fromisoformat(found.details["period"])
    month = connection.execute(
        contribution_allocation.update()
        .where(row.receipt_number == found.receipt_number, row.period == period)
        .where(row.posted_on.is_(None))
        .values(sent_at=None)
        .returning(row.contribution_centimes, row.penalty_centimes)
    ).one_or_none()
    if month is None:
        raise AlreadyPosted()
    contribution, penalty = month
    lines = (
        (SUSPENSE, contribution + penalty),
        (CONTRIBUTIONS, -contribution),
        (PENALTIES, -penalty),
    )
    return _transaction(connection, "posting_again", lines, found, by, now, found.receipt_number)


def _book(
    connection: Connection,
    found: Any,
    by: str,
    now: datetime,
    centimes: int,
    receipt: str | None,
) -> int:
    """`centimes` more is owed by the network, and waits in suspense."""
    if not centimes:
        return _write_down(connection, found, by, now)
    lines = ((RECEIVABLE, centimes), (SUSPENSE, -centimes))
    return _transaction(connection, "resolution", lines, found, by, now, receipt)


def _transaction(
    connection: Connection,
    event: str,
    lines: tuple[tuple[str, int], ...],
    found: Any,
    by: str,
    now: datetime,
    receipt: str | None,
) -> int:
    return book(
        connection,
        event,
        lines,
        network=found.network,
        made_by=found.proposed_by,
        approved_by=by,
        receipt=receipt,
        now=now,
    )


# Money that is no deposit's, though its code is: a second line for it, or cash after it was undone.
# Booked without the receipt, so that who undoes the deposit does not undo that.
_BESIDE = frozenset({"duplicate", "reversed_here"})
_WAYS: dict[str, Callable[[Connection, Any, str, Words, datetime], int]] = {
    "take_up": _take_up,
    "reverse": _reverse,
    "suspense": _suspense,
    "refund": _refund,
    "note": _note,
    "send_again": _send_again,
}
_LEFT = text("""
    SELECT coalesce(sum(l.amount_centimes), 0)
    FROM ledger_line l JOIN ledger_transaction t ON t.id = l.transaction_id
    WHERE t.receipt_number = :receipt AND l.account = :account
        AND t.event IN ('deposit', 'resolution')
""")
