"""Matches a day's settlement file with our codes and confirmations, in a few set-based statements.

What does not agree becomes a break; nothing is booked until two people have settled it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text

from app.agents.models import agent_network
from app.base.clock import local_date, local_midnight
from app.base.errors import InvalidInput
from app.base.money import Money
from app.ledger.break_fragments import CLOSE_BREAKS, OPEN_BREAKS
from app.reconciliation.csv_lines import digest_of
from app.reconciliation.errors import FileRefused
from app.reconciliation.models import settlement_file
from app.reconciliation.network_file import SettlementLine, Summary, read_lines

_COLUMNS = (
    "file_id, line, reference, code, amount_centimes, paid_at, agent_number, terminal, status"
)
# The contract's words, always there; the others where there is something to tell.
_ALWAYS = ("matched", "missing_here", "missing_there", "amount_differs", "duplicates")


@dataclass(frozen=True, slots=True)
class MatchReport:
    """How many lines matched and how many breaks of each kind were found; `new` is False for a
    file that was matched before, which gives the same report again.
    """

    counts: dict[str, int]
    day: date
    new: bool


def match_file(
    connection: Connection,
    path: Path,
    network: str,
    *,
    told_total: Money | None = None,
    now: datetime,
) -> MatchReport:
    """Takes the file whole, once. FileRefused, InvalidInput for a network that is none.

    Two at once wait for each other. The same file again gives the same report, unless the network
    has settled a later day since: then it is an old file by mistake.
    """
    _lock(connection, network)
    digest = digest_of(path)
    if (before := _matched_before(connection, network, digest)) is not None:
        return before
    file_id = connection.execute(
        insert(settlement_file)
        .values(
            network=network, name=path.name, digest=digest, day=date.min, lines=1, matched_at=now
        )
        .returning(settlement_file.c.id)
    ).scalar_one()
    summary = Summary()
    _copy(connection, file_id, read_lines(path, summary, local_date(now), told_total))
    day = summary.day
    connection.execute(text("ANALYZE settlement_line"))
    _refuse_known(connection, file_id, network)
    counts = _compare(connection, file_id, network, day, now)
    connection.execute(
        settlement_file.update()
        .where(settlement_file.c.id == file_id)
        .values(day=day, lines=summary.lines, report=counts)
    )
    return MatchReport(counts, day, True)


def _lock(connection: Connection, network: str) -> None:
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    code = agent_network.c.code
    locked = select(code).where(code == network).with_for_update(key_share=True)
    if connection.execute(locked).scalar() is None:
        raise InvalidInput(what="network", why=f"no network {network}")


def _matched_before(connection: Connection, network: str, digest: bytes) -> MatchReport | None:
    row = settlement_file.c
    found = connection.execute(
        select(row.day, row.report, row.matched_at, row.network).where(row.digest == digest)
    ).one_or_none()
    if found is None:
        return None
    newest = connection.execute(select(func.max(row.day)).where(row.network == network)).scalar()
    if found.network != network or newest != found.day:
        raise FileRefused(
            line=0, why=f"this file of {found.day} was matched before, a later one since"
        )
    return MatchReport(found.report, found.day, False)


def _copy(connection: Connection, file_id: int, lines: Iterator[SettlementLine]) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY settlement_line ({_COLUMNS}) FROM STDIN") as copy,
    ):
        for one in lines:
            copy.write_row(
                (
                    file_id,
                    one.number,
                    one.reference,
                    one.code,
                    one.amount,
                    one.paid_at,
                    one.agent,
                    one.terminal,
                    one.status,
                )
            )


def _refuse_known(connection: Connection, file_id: int, network: str) -> None:
    """Yesterday's file under another name has no line that is new."""
    asked = {"file": file_id, "network": network}
    known, lines, first, name = connection.execute(_KNOWN, asked).one()
    if known == lines:
        raise FileRefused(line=first, why=f"every line was in {name} before")


def _compare(
    connection: Connection, file_id: int, network: str, day: date, now: datetime
) -> dict[str, int]:
    asked = {
        "file": file_id,
        "network": network,
        "begin": local_midnight(day),
        "end": local_midnight(day + timedelta(days=1)),
        "now": now,
    }
    found = {str(row.kind): int(row.lines) for row in connection.execute(_FOUND, asked)}
    found["missing_there"] = connection.execute(_MISSING_THERE, asked).rowcount
    come, reversed_there = (
        json.dumps({key: file_id}) for key in ("found_in_file", "reversed_in_file")
    )
    connection.execute(_FOUND_LATER, asked | {"details": come})
    connection.execute(_GIVEN_BACK_LATER, asked | {"details": reversed_there})
    told = {
        name: found.pop(name.removesuffix("s") if name == "duplicates" else name, 0)
        for name in _ALWAYS
    }
    return told | {kind: lines for kind, lines in sorted(found.items()) if lines}


# Lines of this file that an earlier file of the network had, with the same reference and status.
_KNOWN = text("""
    SELECT count(DISTINCT l.line) FILTER (WHERE e.file_id IS NOT NULL), count(DISTINCT l.line),
        min(l.line), min(f.name)
    FROM settlement_line l
    LEFT JOIN settlement_line e ON e.reference = l.reference AND e.status = l.status
        AND e.code = l.code AND e.file_id < l.file_id
        AND EXISTS (SELECT 1 FROM settlement_file o WHERE o.id = e.file_id AND o.network = :network)
    LEFT JOIN settlement_file f ON f.id = e.file_id
    WHERE l.file_id = :file
""")
# What each line is; breaks are written, and counted with the lines that matched.
_JUDGED = """
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
_BROKEN = """
    SELECT kind, :network, receipt_number, code,
        total_centimes, CASE status WHEN 'reversed' THEN NULL ELSE amount_centimes END,
        file_id, line,
        jsonb_strip_nulls(jsonb_build_object('reference', reference, 'paid_at', paid_at,
            'agent_number', agent_number, 'terminal', terminal, 'our_agent', our_agent,
            'status', status)),
        :now
    FROM judged WHERE kind <> 'matched' ORDER BY line
"""
_COUNTED = "SELECT kind, count(*) AS lines FROM judged GROUP BY kind"
_FOUND = text(" ".join((_JUDGED, ", opened AS (", OPEN_BREAKS, _BROKEN, ")", _COUNTED)))
# Ours of that day that stand and that no file of the network has had.
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
_MISSING_THERE = text(OPEN_BREAKS + _UNCONFIRMED)
# What was missing there and has come with this file needs nobody any more.
_COME_WITH_FILE = """
    FROM settlement_line l
    WHERE b.kind = 'missing_there' AND b.network = :network AND b.state IN ('open', 'proposed')
        AND l.file_id = :file AND l.code = b.code AND l.status = 'paid'
"""
_FOUND_LATER = text(CLOSE_BREAKS + _COME_WITH_FILE)
# What was missing here and was given back there since is nobody's money any more.
_REVERSED_IN_FILE = """
    FROM settlement_line l
    WHERE b.kind = 'missing_here' AND b.network = :network AND b.state IN ('open', 'proposed')
        AND b.file_id < :file AND l.file_id = :file AND l.code = b.code AND l.status = 'reversed'
"""
_GIVEN_BACK_LATER = text(CLOSE_BREAKS + _REVERSED_IN_FILE)
