"""Matches a settlement file with our codes and deposits, in a few set-based statements.

A difference becomes a break; nothing is booked until two people have resolved it. A payment of the
network is known by its reference: a file told again, in parts or with others, opens nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text, update

from app.agents.models import agent_network
from app.agents.networks import AgentNetwork, get_network
from app.audit.service import record_audit
from app.base.clock import local_date, local_midnight
from app.base.database import renew_statistics
from app.base.money import ZERO, Money
from app.base.operation import Operation
from app.files.errors import FileRefused
from app.files.table import GivenFile
from app.ledger.break_fragments import OPEN_BREAKS
from app.observe.progress import Tell
from app.reconciliation.csv_lines import compute_digest
from app.reconciliation.models import settlement_file
from app.reconciliation.network_file import SettledDays, Summary
from app.reconciliation.network_formats import FORMATS
from app.reconciliation.payment_breaks import Cause, JudgedCounts, judge_codes
from app.reconciliation.telling import Told, ToldFile, copy_lines, take_lines

# Counts that a report always has (docs/contract.md, Commands); it has others if above zero.
_ALWAYS_COUNTED = (
    "matched",
    "known",
    "corrected",
    "missing_here",
    "missing_there",
    "amount_differs",
    "duplicates",
)


@dataclass(frozen=True, slots=True)
class SettlementFile:
    """A network's file of a day; `declared_total` is the amount it declared apart from the file."""

    path: Path
    network: str
    declared_total: Money | None = None
    encoding: str | None = None
    # Gets the number of each line that was read, for who waits.
    tell: Tell | None = None


@dataclass(frozen=True, slots=True)
class MatchReport:
    """Counts of a file's lines: those that matched, were known, were corrected, or differ, by kind.

    `missing_there` counts deposits. `number` is the file's, by which it can be withdrawn. `new` is
    False for a file that was taken before, and told nothing else since. `notes` say what was not as
    usual in it and is no fault. `lines` are all of the file; `paid` is what is paid in it.
    """

    counts: dict[str, int]
    day: date
    number: int
    new: bool
    notes: tuple[str, ...] = ()
    lines: int = 0
    paid: Money = ZERO


def match_file(operation: Operation, file: SettlementFile) -> MatchReport:
    """Takes a settlement file whole, and lets the breaks of what it tells follow.

    Two files of a network wait for each other. A file that was taken before and tells nothing new
    is not stored again.

    Raises: FileRefused, InvalidInput for an unknown network.
    """
    connection, network = operation.connection, file.network
    read_lines = FORMATS[lock_network(connection, network).file_format]
    digest = compute_digest(file.path)
    earlier = _find_earlier(connection, network, digest)
    taken = connection.begin_nested()
    number = _insert_file(operation, file, digest)
    summary = Summary()
    today = local_date(operation.now)
    given = GivenFile(file.path, file.encoding, file.tell)
    try:
        copy_lines(connection, number, read_lines(given, summary, today, file.declared_total))
        settled = summary.find_settled_days(read_settled_days(connection, network).__contains__)
    except FileRefused:
        taken.rollback()
        raise
    told_file = ToldFile(number, network, settled.last)
    renew_statistics(connection, "settlement_line")
    told = take_lines(connection, told_file)
    if earlier is not None and not told.new and not told.corrected:
        taken.rollback()
        return _report_again(operation, file, earlier, summary)
    taken.commit()
    _store_days(connection, number, settled, summary.lines)
    counts = _judge_file(operation, told_file, told, settled, summary.lines)
    connection.execute(
        update(settlement_file).where(settlement_file.c.id == number).values(report=counts)
    )
    details = {"number": number, "network": network, "report": counts}
    record_audit(operation, "file_matched", f"file:{file.path.name}", **details)
    return _report(counts, settled.last, number, summary, new=True)


def lock_network(connection: Connection, code: str) -> AgentNetwork:
    """Locks the network, so that one of its files is taken at a time, and returns it."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    network = get_network(connection, code)
    locked = select(agent_network.c.code).where(agent_network.c.code == code)
    connection.execute(locked.with_for_update(key_share=True))
    return network


def read_settled_days(connection: Connection, network: str) -> Collection[date]:
    """Returns every day that a file of the network settles which was not withdrawn."""
    columns = settlement_file.c
    rows = connection.execute(
        select(columns.first_day, columns.day)
        .where(columns.network == network, columns.withdrawn_at.is_(None), columns.day > date.min)
        .distinct()
    )
    return {
        row.first_day + timedelta(days=number)
        for row in rows
        for number in range((row.day - row.first_day).days + 1)
    }


def _find_earlier(connection: Connection, network: str, digest: bytes) -> tuple[int, date] | None:
    """Returns the number and the day of the same file, if it was taken before and stands.

    Raises: FileRefused if it is another network's.
    """
    columns = settlement_file.c
    row = connection.execute(
        select(columns.id, columns.day, columns.network, columns.name)
        .where(columns.digest == digest, columns.withdrawn_at.is_(None))
        .order_by(columns.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    if row.network != network:
        why = f"this file was taken before, as one of {row.network}"
        raise FileRefused(line=0, why=why, fault="of_another")
    return row.id, row.day


def _insert_file(operation: Operation, file: SettlementFile, digest: bytes) -> int:
    """Inserts the file and returns its number; its days are set once its lines are read."""
    statement = insert(settlement_file).values(
        network=file.network,
        name=file.path.name,
        digest=digest,
        first_day=date.min,
        day=date.min,
        lines=1,
        matched_at=operation.now,
    )
    returning = statement.returning(settlement_file.c.id)
    return int(operation.connection.execute(returning).scalar_one())


def _report_again(
    operation: Operation, file: SettlementFile, earlier: tuple[int, date], summary: Summary
) -> MatchReport:
    number, day = earlier
    counts = _arrange_counts({"known": summary.lines})
    details = {"number": number, "network": file.network, "report": counts}
    record_audit(operation, "file_matched", f"file:{file.path.name}", **details)
    return _report(counts, day, number, summary, new=False)


def _report(
    counts: dict[str, int], day: date, number: int, summary: Summary, *, new: bool
) -> MatchReport:
    lines, paid = summary.lines, Money(summary.paid)
    return MatchReport(counts, day, number, new, summary.notes, lines, paid)


def _store_days(connection: Connection, number: int, settled: SettledDays, lines: int) -> None:
    connection.execute(
        update(settlement_file)
        .where(settlement_file.c.id == number)
        .values(first_day=settled.first, day=settled.last, lines=lines)
    )


def _judge_file(
    operation: Operation, file: ToldFile, told: Told, settled: SettledDays, lines: int
) -> dict[str, int]:
    """Lets the breaks follow what the file told, and returns its counts."""
    connection = operation.connection
    known = lines - told.new - told.corrected - told.undone
    if not told.new and not told.corrected:
        return _arrange_counts({"known": known})
    params = file.params | _read_span(connection, file, settled) | {"now": operation.now}
    rows = connection.execute(_CODES_TO_JUDGE, params)
    codes = {row.code for row in rows} | told.earlier_codes
    days = read_settled_days(connection, file.network)
    cause = Cause(file.network, file.id)
    judged = judge_codes(operation, cause, codes, days.__contains__)
    missing = connection.execute(_OPEN_MISSING_THERE, params).rowcount
    return _count_lines(told, judged, known, missing)


def _read_span(connection: Connection, file: ToldFile, settled: SettledDays) -> dict[str, object]:
    """Returns the begin and the end of the days whose deposits the file should have told.

    What came on the day settled before, after its file was made, is looked at again.
    """
    columns = settlement_file.c
    before = select(func.max(columns.day)).where(
        columns.network == file.network,
        columns.withdrawn_at.is_(None),
        columns.day < settled.first,
        columns.day > date.min,
    )
    first = connection.execute(before).scalar() or settled.first
    end = local_midnight(settled.last + timedelta(days=1))
    return {"begin": local_midnight(first), "end": end}


def _count_lines(told: Told, judged: JudgedCounts, known: int, missing: int) -> dict[str, int]:
    counts = judged.new + judged.others
    counts["matched"] = told.new - judged.new.total() + told.undone
    counts["known"] = known
    counts["corrected"] = told.corrected
    counts["missing_there"] += missing
    return _arrange_counts(counts)


def _arrange_counts(counts: dict[str, int]) -> dict[str, int]:
    """Returns the counts that a report always has, then the others above zero."""
    # A report says `duplicates` (docs/contract.md); the kind of a break is `duplicate`.
    named = {("duplicates" if kind == "duplicate" else kind): n for kind, n in counts.items()}
    always = {name: named.pop(name, 0) for name in _ALWAYS_COUNTED}
    return always | {kind: lines for kind, lines in sorted(named.items()) if lines}


# Codes of payments that this file told anew or corrected, but for those that plainly agree with
# their deposit; of payments it told again whose break waits, or whose deposit was undone here;
# and of deposits of its days beside which a resolution charged other cash. With an OFFSET each
# deposit is looked up by its code: joined, all deposits of all years are read for a file.
_CODES_TO_JUDGE = text("""
    SELECT p.code FROM network_payment p
    LEFT JOIN LATERAL (SELECT * FROM deposit
        WHERE deposit.code = p.code AND deposit.network = p.network OFFSET 0) d ON true
    WHERE p.network = :network AND p.file_id = :file AND NOT coalesce(
        p.first_file_id = :file AND p.status = 'paid' AND p.break_id IS NULL
        AND d.total_centimes = p.amount_centimes
        AND (d.agent_number IS NULL OR p.agent_number IS NULL OR d.agent_number = p.agent_number)
        AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.receipt_number = d.receipt_number)
        AND NOT EXISTS (SELECT 1 FROM network_payment o WHERE o.network = p.network
            AND o.code = p.code AND o.reference <> p.reference)
        AND NOT EXISTS (SELECT 1 FROM reconciliation_break b WHERE b.network = p.network
            AND b.code = p.code AND b.kind <> 'other_amount_sent'), false)
    UNION
    SELECT p.code FROM settlement_line l
    JOIN network_payment p ON p.network = :network AND p.reference = l.reference
    LEFT JOIN reconciliation_break b ON b.id = p.break_id
    WHERE l.file_id = :file AND p.file_id <> :file AND (b.state IN ('open', 'proposed')
        OR (b.id IS NULL AND p.status = 'paid' AND EXISTS (SELECT 1 FROM deposit d
            JOIN reversal r ON r.receipt_number = d.receipt_number
            WHERE d.code = p.code AND d.network = p.network)))
    UNION
    SELECT d.code FROM reconciliation_break b
    JOIN ledger_transaction t ON t.id = b.transaction_id AND t.reference IS NULL
    JOIN deposit d ON d.code = b.code AND d.network = b.network
    WHERE b.network = :network AND b.reference IS NOT NULL
        AND d.received_at >= :begin AND d.received_at < :end
""")
# Opens a break for each unreversed deposit of those days that no file of the network tells. The few
# that are untold are found first: of those alone the books are asked.
_UNCONFIRMED = """
    WITH untold AS MATERIALIZED (
        SELECT d.* FROM deposit d
        WHERE d.network = :network AND d.received_at >= :begin AND d.received_at < :end
            AND NOT EXISTS (SELECT 1 FROM network_payment p
                WHERE p.network = d.network AND p.code = d.code AND p.status <> 'withdrawn'))
    SELECT 'missing_there', d.network, d.receipt_number, d.code, d.total_centimes,
        CAST(NULL AS bigint), CAST(:file AS bigint), CAST(NULL AS bigint), '{}'::jsonb, :now
    FROM untold d
    WHERE NOT EXISTS (SELECT 1 FROM reversal r WHERE r.receipt_number = d.receipt_number)
        AND NOT EXISTS (SELECT 1 FROM reconciliation_break b WHERE b.kind = 'missing_there'
            AND b.receipt_number = d.receipt_number AND (b.state IN ('open', 'proposed')
                OR b.state = 'resolved' AND b.method = 'acknowledge'))
        AND d.total_centimes <> (SELECT coalesce(-sum(l.amount_centimes), 0)
            FROM ledger_transaction t JOIN ledger_line l ON l.transaction_id = t.id
            WHERE t.reference = d.receipt_number AND t.event = 'resolution'
                AND l.account = 'agent_network_receivable')
    ORDER BY d.received_at, d.receipt_number
"""
_OPEN_MISSING_THERE = text(OPEN_BREAKS + _UNCONFIRMED)
