"""Matches a day's settlement file with our codes and deposits, in a few set-based statements.

A difference becomes a break; nothing is booked until two people have resolved it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text

from app.agents.models import agent_network
from app.agents.networks import AgentNetwork, get_network
from app.base.clock import local_date, local_midnight
from app.base.money import Money
from app.base.operation import Operation
from app.ledger.break_fragments import CLOSE_BREAKS, OPEN_BREAKS
from app.reconciliation.csv_lines import compute_digest
from app.reconciliation.errors import FileRefused
from app.reconciliation.models import settlement_file
from app.reconciliation.network_file import SettlementLine, Summary
from app.reconciliation.network_formats import FORMATS

_COLUMNS = (
    "file_id, line, reference, code, amount_centimes, paid_at, agent_number, terminal, status"
)
# Counts that a report always has (docs/contract.md, Commands); it has others if above zero.
_ALWAYS_COUNTED = ("matched", "missing_here", "missing_there", "amount_differs", "duplicates")


@dataclass(frozen=True, slots=True)
class SettlementFile:
    """A network's file of a day; `declared_total` is the amount it declared apart from the file."""

    path: Path
    network: str
    declared_total: Money | None = None


@dataclass(frozen=True, slots=True)
class MatchReport:
    """Counts of the lines that matched and of the breaks that were opened, by kind.

    `new` is False for a file that was matched before; the report is the same as then.
    """

    counts: dict[str, int]
    day: date
    new: bool


def match_file(operation: Operation, file: SettlementFile) -> MatchReport:
    """Imports a settlement file whole, once, and opens a break for each difference.

    Two files of a network wait for each other. The same file again gives the same report. It is
    refused if the network has settled a later day since, because it is then sent by mistake.

    Raises: FileRefused, InvalidInput for an unknown network.
    """
    connection, network = operation.connection, file.network
    read_lines = FORMATS[_lock_network(connection, network).file_format]
    digest = compute_digest(file.path)
    if (earlier := _find_report(connection, network, digest)) is not None:
        return earlier
    file_id = _insert_file(operation, file, digest)
    summary = Summary()
    today = local_date(operation.now)
    _copy_lines(connection, file_id, read_lines(file.path, summary, today, file.declared_total))
    day = summary.day
    connection.execute(text("ANALYZE settlement_line"))
    _refuse_known_lines(connection, file_id, network)
    counts = _compare_lines(operation, file_id, network, day)
    connection.execute(
        settlement_file.update()
        .where(settlement_file.c.id == file_id)
        .values(day=day, lines=summary.lines, report=counts)
    )
    return MatchReport(counts, day, True)


def _lock_network(connection: Connection, code: str) -> AgentNetwork:
    """Locks the network, so that one of its files is matched at a time, and returns it."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    network = get_network(connection, code)
    locked = select(agent_network.c.code).where(agent_network.c.code == code)
    connection.execute(locked.with_for_update(key_share=True))
    return network


def _find_report(connection: Connection, network: str, digest: bytes) -> MatchReport | None:
    """Returns the report of a file that was matched before.

    Raises: FileRefused if it is another network's, or not the network's newest.
    """
    columns = settlement_file.c
    row = connection.execute(
        select(columns.day, columns.report, columns.network).where(columns.digest == digest)
    ).one_or_none()
    if row is None:
        return None
    newest_day = select(func.max(columns.day)).where(columns.network == network)
    if row.network != network or connection.execute(newest_day).scalar() != row.day:
        raise FileRefused(
            line=0, why=f"this file of {row.day} was matched before, a later one since"
        )
    return MatchReport(row.report, row.day, False)


def _insert_file(operation: Operation, file: SettlementFile, digest: bytes) -> int:
    """Inserts the file and returns its id; its day and count are set once its lines are read."""
    statement = insert(settlement_file).values(
        network=file.network,
        name=file.path.name,
        digest=digest,
        day=date.min,
        lines=1,
        matched_at=operation.now,
    )
    returning = statement.returning(settlement_file.c.id)
    return int(operation.connection.execute(returning).scalar_one())


def _copy_lines(connection: Connection, file_id: int, lines: Iterator[SettlementLine]) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY settlement_line ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for line in lines:
            copy.write_row(
                (
                    file_id,
                    line.number,
                    line.reference,
                    line.code,
                    line.amount,
                    line.paid_at,
                    line.agent,
                    line.terminal,
                    line.status,
                )
            )


def _refuse_known_lines(connection: Connection, file_id: int, network: str) -> None:
    """Refuses a file without a new line, as yesterday's renamed. Raises: FileRefused."""
    params = {"file": file_id, "network": network}
    row = connection.execute(_KNOWN_LINES, params).one()
    if row.known == row.lines:
        raise FileRefused(line=row.first, why=f"every line was in {row.name} before")


def _compare_lines(operation: Operation, file_id: int, network: str, day: date) -> dict[str, int]:
    """Opens a break for each difference, closes those the file settles, and returns the counts."""
    connection = operation.connection
    params = {
        "file": file_id,
        "network": network,
        "begin": local_midnight(day),
        "end": local_midnight(day + timedelta(days=1)),
        "now": operation.now,
    }
    counts = {
        str(row.kind): int(row.lines) for row in connection.execute(_OPEN_DIFFERENCES, params)
    }
    counts["missing_there"] = connection.execute(_OPEN_MISSING_THERE, params).rowcount
    for statement, key in (
        (_CLOSE_FOUND_LATER, "found_in_file"),
        (_CLOSE_GIVEN_BACK_LATER, "reversed_in_file"),
    ):
        connection.execute(statement, params | {"details": json.dumps({key: file_id})})
    # A report says `duplicates` (docs/contract.md); the kind of a break is `duplicate`.
    counts["duplicates"] = counts.pop("duplicate", 0)
    always = {name: counts.pop(name, 0) for name in _ALWAYS_COUNTED}
    return always | {kind: lines for kind, lines in sorted(counts.items()) if lines}


# Counts this file's lines that an earlier file of the network had, by reference, status and code.
_KNOWN_LINES = text("""
    SELECT count(DISTINCT l.line) FILTER (WHERE e.file_id IS NOT NULL) AS known,
        count(DISTINCT l.line) AS lines, min(l.line) AS first, min(f.name) AS name
    FROM settlement_line l
    LEFT JOIN settlement_line e ON e.reference = l.reference AND e.status = l.status
        AND e.code = l.code AND e.file_id < l.file_id
        AND EXISTS (SELECT 1 FROM settlement_file o WHERE o.id = e.file_id AND o.network = :network)
    LEFT JOIN settlement_file f ON f.id = e.file_id
    WHERE l.file_id = :file
""")
# Gives each line its kind, opens the breaks, and counts them with the lines that matched.
_LINES_BY_KIND = """
    WITH lines AS (
        SELECT l.*,
            row_number() OVER (PARTITION BY l.code, l.status ORDER BY l.line) AS nth,
            bool_or(l.status = 'reversed') OVER (PARTITION BY l.code) AS undone,
            EXISTS (SELECT 1 FROM settlement_line e JOIN settlement_file f ON f.id = e.file_id
                WHERE e.code = l.code AND e.status = l.status AND e.file_id < l.file_id
                  AND f.network = :network) AS seen
        FROM settlement_line l WHERE l.file_id = :file
    ), judged AS (
        SELECT l.*, d.receipt_number, d.total_centimes, d.agent_number AS our_agent,
            CASE
                WHEN l.nth > 1 OR l.seen THEN 'duplicate'
                WHEN l.status = 'reversed' THEN
                    CASE WHEN d.receipt_number IS NOT NULL AND r.receipt_number IS NULL
                        THEN 'reversed_there' ELSE 'matched' END
                WHEN l.undone AND (d.receipt_number IS NULL OR r.receipt_number IS NOT NULL)
                    THEN 'matched'
                WHEN d.receipt_number IS NULL THEN 'missing_here'
                WHEN r.receipt_number IS NOT NULL THEN 'reversed_here'
                WHEN d.total_centimes <> l.amount_centimes THEN 'amount_differs'
                WHEN d.agent_number <> l.agent_number THEN 'other_agent'
                ELSE 'matched'
            END AS kind
        FROM lines l
        LEFT JOIN deposit d ON d.code = l.code AND d.network = :network
        LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
    )
"""
_DIFFERENCES = """
    SELECT kind, :network, receipt_number, code,
        total_centimes, CASE status WHEN 'reversed' THEN NULL ELSE amount_centimes END,
        file_id, line,
        jsonb_strip_nulls(jsonb_build_object('reference', reference, 'paid_at', paid_at,
            'agent_number', agent_number, 'terminal', terminal, 'our_agent', our_agent,
            'status', status)),
        :now
    FROM judged WHERE kind <> 'matched' ORDER BY line
"""
_COUNTS = "SELECT kind, count(*) AS lines FROM judged GROUP BY kind"
_OPEN_DIFFERENCES = text(
    " ".join((_LINES_BY_KIND, ", opened AS (", OPEN_BREAKS, _DIFFERENCES, ")", _COUNTS))
)
# Opens a break for each unreversed deposit of that day that no file of the network has.
_UNCONFIRMED = """
    SELECT 'missing_there', d.network, d.receipt_number, d.code, d.total_centimes,
        CAST(NULL AS bigint), CAST(:file AS bigint), CAST(NULL AS bigint), '{}'::jsonb, :now
    FROM deposit d
    WHERE d.network = :network AND d.received_at >= :begin AND d.received_at < :end
        AND NOT EXISTS (SELECT 1 FROM reversal r WHERE r.receipt_number = d.receipt_number)
        AND NOT EXISTS (SELECT 1 FROM settlement_line l JOIN settlement_file f ON f.id = l.file_id
            WHERE l.code = d.code AND l.status = 'paid' AND f.network = d.network)
        AND NOT EXISTS (SELECT 1 FROM reconciliation_break b
            WHERE b.kind = 'missing_there' AND b.receipt_number = d.receipt_number)
    ORDER BY d.received_at, d.receipt_number
"""
_OPEN_MISSING_THERE = text(OPEN_BREAKS + _UNCONFIRMED)
# Closes the `missing_there` breaks of deposits that are in this file.
_FOUND_IN_FILE = """
    FROM settlement_line l
    WHERE b.kind = 'missing_there' AND b.network = :network AND b.state IN ('open', 'proposed')
        AND l.file_id = :file AND l.code = b.code AND l.status = 'paid'
"""
_CLOSE_FOUND_LATER = text(CLOSE_BREAKS + _FOUND_IN_FILE)
# Closes the `missing_here` breaks of lines that this file reverses.
_REVERSED_IN_FILE = """
    FROM settlement_line l
    WHERE b.kind = 'missing_here' AND b.network = :network AND b.state IN ('open', 'proposed')
        AND b.file_id < :file AND l.file_id = :file AND l.code = b.code AND l.status = 'reversed'
"""
_CLOSE_GIVEN_BACK_LATER = text(CLOSE_BREAKS + _REVERSED_IN_FILE)
