"""Judges codes by what is told and booked of them, and lets their breaks follow.

Who calls it holds the network's lock, so that one file at a time is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import Connection, Row, text

from app.base.clock import local_date
from app.base.database import renew_statistics
from app.base.money import read_stored_amount
from app.base.operation import Operation
from app.ledger.break_changes import BreakChange, change_breaks, close_breaks, open_breaks
from app.ledger.breaks import NewBreak
from app.reconciliation.judgement import (
    BookedDeposit,
    Difference,
    Judgement,
    NetworkPayment,
    judge_code,
)

_CODES_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Cause:
    """Why codes are judged: a file told of them, or was withdrawn, or the books were restored."""

    network: str
    file_id: int
    withdrawn: bool = False
    restored: bool = False

    def describe(self, found: bool, given_back: bool) -> dict[str, object]:
        """Returns the details of a break that closes."""
        if self.restored:
            return {"restored": True}
        if self.withdrawn:
            return {"withdrawn_file": self.file_id}
        if found:
            return {"found_in_file": self.file_id}
        if given_back:
            return {"reversed_in_file": self.file_id}
        return {"corrected_in_file": self.file_id}


@dataclass(frozen=True, slots=True)
class _OwnBreak:
    """The break about a payment's present difference."""

    id: int
    waits: bool
    code: str | None
    difference: Difference
    told: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class _Place:
    """The line that told of a payment last, and the line that told of it first."""

    file_id: int
    line: int
    first_file_id: int


@dataclass(slots=True)
class _CodeFacts:
    """All that is known of a code: its payments, their places and breaks, and its deposit."""

    code: str
    payments: list[NetworkPayment] = field(default_factory=list)
    places: dict[str, _Place] = field(default_factory=dict)
    covering: dict[str, _OwnBreak] = field(default_factory=dict)
    deposit: BookedDeposit | None = None
    # The break of the deposit that no file tells: its number, and whether it waits.
    untold: tuple[int, bool] | None = None


@dataclass(slots=True)
class _BreakPlan:
    """The changes of breaks that judgements ask for."""

    opened: list[NewBreak] = field(default_factory=list)
    changed: list[BreakChange] = field(default_factory=list)
    closed: dict[int, dict[str, object]] = field(default_factory=dict)
    # References whose payment has no present difference any more.
    agreed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JudgedCounts:
    """Payments first told by this file that differ, by kind, and breaks opened of others."""

    new: Counter[str]
    others: Counter[str]


IsSettled = Callable[[date], bool]


def judge_codes(
    operation: Operation, cause: Cause, codes: Collection[str], is_settled: IsSettled
) -> JudgedCounts:
    """Judges each code, and opens, changes and closes its breaks.

    `is_settled` says of a day whether a file that stands settles it.
    """
    counts = JudgedCounts(Counter(), Counter())
    ordered = sorted(codes)
    for start in range(0, len(ordered), _CODES_AT_ONCE):
        # Once the first breaks of many are there: unknown, they would all be read for each few.
        if len(ordered) > _CODES_AT_ONCE and start in (0, _CODES_AT_ONCE):
            renew_statistics(operation.connection, "reconciliation_break")
        chunk = ordered[start : start + _CODES_AT_ONCE]
        _lock_breaks(operation.connection, cause.network, chunk)
        changes = _BreakPlan()
        for facts in _read_facts(operation.connection, cause.network, chunk, is_settled):
            judged = judge_code(facts.payments, facts.deposit)
            _follow_payments(cause, facts, judged, changes, counts)
            _follow_untold(cause, facts, judged, changes, counts)
        _write_changes(operation, cause, changes)
        _close_retries(operation, cause, chunk)
    return counts


def _follow_payments(
    cause: Cause,
    facts: _CodeFacts,
    judged: Judgement,
    changes: _BreakPlan,
    counts: JudgedCounts,
) -> None:
    payments = {one.reference: one for one in facts.payments}
    for reference, difference in judged.of_payments.items():
        payment, place = payments[reference], facts.places[reference]
        covering = facts.covering.get(reference)
        told_now = place.file_id == cause.file_id and not cause.withdrawn
        if difference is None:
            if covering is not None:
                changes.agreed.append(reference)
                if covering.waits:
                    given_back = payment.status == "reversed"
                    changes.closed[covering.id] = cause.describe(False, given_back)
            continue
        if told_now and place.first_file_id == cause.file_id:
            counts.new[difference.kind] += 1
        new = _make_break(cause.network, facts, payment, place, difference)
        same = covering is not None and _is_about(covering, facts.code, difference)
        if covering is None or not same:
            if covering is not None:
                new = _follow_break(covering, new, cause, changes)
            changes.opened.append(new)
            if not told_now:
                counts.others[difference.kind] += 1
        elif covering.waits and (
            covering.difference != difference or covering.told != (place.file_id, place.line)
        ):
            changes.changed.append(BreakChange(covering.id, new))
        elif not covering.waits and covering.difference != difference:
            changes.opened.append(_follow_break(covering, new, cause, changes))
            if not told_now:
                counts.others[difference.kind] += 1


def _follow_break(
    covering: _OwnBreak, new: NewBreak, cause: Cause, changes: _BreakPlan
) -> NewBreak:
    """Closes the break that another one follows, and returns the other with its number."""
    if covering.waits:
        changes.closed[covering.id] = cause.describe(False, False)
    return replace(new, details=dict(new.details) | {"follows": covering.id})


def _is_about(covering: _OwnBreak, code: str, difference: Difference) -> bool:
    told = covering.difference
    return (covering.code, told.kind, told.receipt, told.apart) == (
        code,
        difference.kind,
        difference.receipt,
        difference.apart,
    )


def _make_break(
    network: str,
    facts: _CodeFacts,
    payment: NetworkPayment,
    place: _Place,
    difference: Difference,
) -> NewBreak:
    details: dict[str, object] = {
        "reference": payment.reference,
        "paid_at": payment.paid_at.isoformat(),
        "status": payment.status,
    }
    named = {
        "agent_number": payment.agent,
        "terminal": payment.terminal,
        "our_agent": facts.deposit.agent if facts.deposit else None,
        "apart": difference.apart or None,
    }
    details |= {name: value for name, value in named.items() if value is not None}
    return NewBreak(
        difference.kind,
        network,
        difference.receipt,
        facts.code,
        read_stored_amount(difference.ours),
        read_stored_amount(difference.theirs),
        place.file_id,
        place.line,
        payment.reference,
        details,
    )


def _follow_untold(
    cause: Cause,
    facts: _CodeFacts,
    judged: Judgement,
    changes: _BreakPlan,
    counts: JudgedCounts,
) -> None:
    """Opens the break of a deposit that no file tells any more, or closes it once one does."""
    if judged.untold is not None and facts.untold is None:
        untold = judged.untold
        ours = read_stored_amount(untold.ours)
        new = NewBreak(
            untold.kind, cause.network, untold.receipt, facts.code, ours, None, cause.file_id
        )
        changes.opened.append(new)
        counts.others[untold.kind] += 1
    elif facts.untold is not None and facts.untold[1]:
        number = facts.untold[0]
        if any(one.status == "paid" and not one.booked for one in facts.payments):
            changes.closed[number] = cause.describe(True, False)
        elif cause.withdrawn and judged.untold is None:
            changes.closed[number] = cause.describe(False, False)


def _write_changes(operation: Operation, cause: Cause, changes: _BreakPlan) -> None:
    """Writes the changes; a break closes before another of the same payment opens."""
    close_breaks(operation, changes.closed)
    change_breaks(operation, changes.changed)
    opened = open_breaks(operation, changes.opened)
    params = {"network": cause.network}
    if changes.agreed:
        operation.connection.execute(_FORGET_BREAKS, params | {"references": changes.agreed})
    if opened:
        kept = {"references": list(opened), "numbers": list(opened.values())}
        operation.connection.execute(_KEEP_BREAKS, params | kept)


def _close_retries(operation: Operation, cause: Cause, codes: list[str]) -> None:
    """Closes breaks of callers' retries once a file tells what was paid for their codes."""
    params = {"network": cause.network, "codes": codes}
    told = operation.connection.execute(_TOLD_RETRIES, params).scalars()
    close_breaks(operation, {number: {"told_by_file": True} for number in told})


def _lock_breaks(connection: Connection, network: str, codes: list[str]) -> None:
    """Locks the waiting breaks, so that nobody approves what is about to change."""
    connection.execute(_LOCK_BREAKS, {"network": network, "codes": codes}).all()


def _read_facts(
    connection: Connection, network: str, codes: list[str], is_settled: IsSettled
) -> Iterable[_CodeFacts]:
    params = {"network": network, "codes": codes}
    facts = {code: _CodeFacts(code) for code in codes}
    for row in connection.execute(_PAYMENTS, params):
        _add_payment(facts[row.code], row)
    for row in connection.execute(_DEPOSITS, params):
        one = facts[row.code]
        one.deposit = _read_deposit(row, is_settled)
        if row.untold_id is not None:
            one.untold = row.untold_id, row.untold_state in ("open", "proposed")
    return facts.values()


def _add_payment(facts: _CodeFacts, row: Row[*tuple[object, ...]]) -> None:
    payment = NetworkPayment(
        reference=row.reference,
        amount=row.amount_centimes,
        paid_at=row.paid_at,
        agent=row.agent_number,
        terminal=row.terminal,
        status=row.status,
        told_paid=row.told_paid,
        booked=row.booked,
        in_gap=row.in_gap,
    )
    facts.payments.append(payment)
    facts.places[row.reference] = _Place(row.file_id, row.line, row.first_file_id)
    if row.break_id is not None:
        difference = Difference(
            row.kind,
            row.receipt_number,
            row.our_centimes,
            row.their_centimes,
            bool((row.details or {}).get("apart")),
        )
        facts.covering[row.reference] = _OwnBreak(
            row.break_id,
            row.state in ("open", "proposed"),
            row.break_code,
            difference,
            (row.break_file_id, row.break_line),
        )


def _read_deposit(row: Row[*tuple[object, ...]], is_settled: IsSettled) -> BookedDeposit:
    received_at: datetime = row.received_at
    return BookedDeposit(
        receipt=row.receipt_number,
        total=row.total_centimes,
        agent=row.agent_number,
        reversed=row.reversed,
        accounted=row.total_centimes + row.resolved,
        owed=row.total_centimes + row.resolved + row.refunded,
        expected=row.channel == "file" or row.resolved != 0 or is_settled(local_date(received_at)),
    )


_LOCK_BREAKS = text("""
    SELECT id FROM reconciliation_break
    WHERE network = :network AND code = ANY(:codes) AND state IN ('open', 'proposed')
    ORDER BY id FOR UPDATE
""")
# The payments of codes in the order in which they were told first. `booked` is what resolutions
# charged for them beside a deposit.
_PAYMENTS = text("""
    SELECT p.*, b.state, b.kind, b.receipt_number, b.our_centimes, b.their_centimes,
        -- A reversal under a reference of its own was never told as paid.
        p.status = 'paid' OR EXISTS (SELECT 1 FROM settlement_line e
            JOIN settlement_file f ON f.id = e.file_id
            WHERE e.reference = p.reference AND e.status = 'paid' AND f.network = p.network
                AND f.withdrawn_at IS NULL) AS told_paid,
        EXISTS (SELECT FROM books_gap g WHERE p.paid_at >= g.begins_at AND p.paid_at < g.ends_at)
            AS in_gap,
        b.code AS break_code, b.details, b.file_id AS break_file_id, b.line AS break_line,
        coalesce((SELECT sum(l.amount_centimes) FROM reconciliation_break r
            JOIN ledger_transaction t ON t.id = r.transaction_id AND t.reference IS NULL
            JOIN ledger_line l ON l.transaction_id = t.id
                AND l.account = 'agent_network_receivable'
            WHERE r.network = p.network AND r.reference = p.reference), 0)::bigint AS booked
    FROM network_payment p LEFT JOIN reconciliation_break b ON b.id = p.break_id
    WHERE p.network = :network AND p.code = ANY(:codes)
    ORDER BY p.first_file_id, p.first_line
""")
# The deposits of codes, with what resolutions booked for them, and the newest break that says that
# no file has them.
_DEPOSITS = text("""
    SELECT d.code, d.receipt_number, d.total_centimes, d.agent_number, d.received_at, d.channel,
        EXISTS (SELECT 1 FROM reversal v WHERE v.receipt_number = d.receipt_number) AS reversed,
        s.resolved, s.refunded, u.id AS untold_id, u.state AS untold_state
    FROM deposit d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(l.amount_centimes) FILTER (WHERE r.method <> 'refund'), 0)::bigint
                AS resolved,
            coalesce(sum(l.amount_centimes) FILTER (WHERE r.method = 'refund'), 0)::bigint
                AS refunded
        FROM ledger_transaction t
        JOIN reconciliation_break r ON r.transaction_id = t.id
        JOIN ledger_line l ON l.transaction_id = t.id AND l.account = 'agent_network_receivable'
        WHERE t.reference = d.receipt_number AND t.event = 'resolution'
    ) s
    LEFT JOIN LATERAL (
        SELECT b.id, b.state FROM reconciliation_break b
        WHERE b.receipt_number = d.receipt_number AND b.kind = 'missing_there'
            AND (b.state IN ('open', 'proposed')
                OR b.state = 'resolved' AND b.method = 'acknowledge')
        ORDER BY b.id DESC LIMIT 1
    ) u ON true
    WHERE d.network = :network AND d.code = ANY(:codes)
""")
_TOLD_RETRIES = text("""
    SELECT b.id FROM reconciliation_break b
    WHERE b.network = :network AND b.code = ANY(:codes) AND b.kind = 'retried_after_restore'
        AND b.state IN ('open', 'proposed') AND EXISTS (SELECT FROM network_payment p
            WHERE p.network = b.network AND p.code = b.code)
""")
_FORGET_BREAKS = text("""
    UPDATE network_payment SET break_id = NULL
    WHERE network = :network AND reference = ANY(:references)
""")
_KEEP_BREAKS = text("""
    UPDATE network_payment p SET break_id = b.id
    FROM unnest(CAST(:references AS text[]), CAST(:numbers AS bigint[])) AS b (reference, id)
    WHERE p.network = :network AND p.reference = b.reference
""")
