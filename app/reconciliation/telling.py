"""Takes what a settlement file tells: each reference's last line, against what is known of it.

A file's last line is the last by time, and a reversal follows its payment: a file whose lines come
in another order tells the same.

A line is new, known, or corrects what was told before. All of it is kept in settlement_line;
network_payment has what the network says by now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from app.base.database import renew_statistics
from app.reconciliation.network_file import SettlementLine

_COLUMNS = (
    "file_id, line, reference, code, amount_centimes, paid_at, agent_number, terminal, status"
)


@dataclass(frozen=True, slots=True)
class ToldFile:
    """A file that is being taken: its number, its network, and the last day it settles."""

    id: int
    network: str
    day: date

    @property
    def params(self) -> dict[str, object]:
        return {"file": self.id, "network": self.network, "day": self.day}


@dataclass(frozen=True, slots=True)
class Told:
    """Counts of a file's lines, and the codes that corrected payments were told of before.

    `new` counts payments, each by its last line. `undone` counts the earlier lines of new payments,
    as the paid one before the reversed one. All other lines are known.
    """

    new: int
    corrected: int
    undone: int
    earlier_codes: frozenset[str]


def copy_lines(connection: Connection, file_id: int, lines: Iterator[SettlementLine]) -> None:
    """Stores every line of a file."""
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


def take_lines(connection: Connection, file: ToldFile) -> Told:
    """Takes what a file's lines tell of the network's payments. Returns the counts."""
    rows = connection.execute(_CORRECTIONS, file.params)
    earlier_codes = frozenset(row.code for row in rows)
    payments = connection.execute(_TAKE, file.params).one()
    renew_statistics(connection, "network_payment")
    earlier = {row.word: row.lines for row in connection.execute(_EARLIER_LINES, file.params)}
    return Told(
        new=payments.new,
        corrected=payments.corrected + earlier.get("corrected", 0),
        undone=earlier.get("undone", 0),
        earlier_codes=earlier_codes,
    )


# Each reference's last line, with what is known of its payment. An old word is a line that repeats
# what was told before, in a file of an earlier day than that of the newest word.
_WORDS = """
    WITH told AS (
        SELECT DISTINCT ON (l.reference) l.*,
            min(l.line) OVER (PARTITION BY l.reference) AS first_line
        FROM settlement_line l WHERE l.file_id = :file
        ORDER BY l.reference, l.paid_at DESC, l.status DESC, l.line DESC
    ), words AS (
        SELECT t.*, p.code AS earlier_code,
            CASE
                WHEN p.reference IS NULL OR p.status = 'withdrawn' THEN 'new'
                WHEN (p.code, p.amount_centimes, p.paid_at, p.agent_number, p.terminal,
                        p.status) IS NOT DISTINCT FROM (t.code, t.amount_centimes, t.paid_at,
                        t.agent_number, t.terminal, t.status) THEN 'known'
                WHEN :day < (SELECT f.day FROM settlement_file f WHERE f.id = p.file_id)
                    AND EXISTS (SELECT 1 FROM settlement_line e
                        JOIN settlement_file f ON f.id = e.file_id
                        WHERE e.reference = t.reference AND e.file_id < :file
                            AND f.network = :network AND f.withdrawn_at IS NULL
                            AND (e.code, e.amount_centimes, e.paid_at, e.agent_number, e.terminal,
                        e.status) IS NOT DISTINCT FROM (t.code, t.amount_centimes, t.paid_at,
                        t.agent_number, t.terminal, t.status)) THEN 'known'
                ELSE 'corrected'
            END AS word
        FROM told t
        LEFT JOIN network_payment p ON p.network = :network AND p.reference = t.reference
    )
"""
_SELECT_CORRECTIONS = "SELECT DISTINCT earlier_code AS code FROM words WHERE word = 'corrected'"
_CORRECTIONS = text(" ".join((_WORDS, _SELECT_CORRECTIONS)))
# New references are inserted as such: nobody else takes one of the network's files meanwhile.
_TAKE_WORDS = """
    , told_anew AS (
        INSERT INTO network_payment (network, reference, code, amount_centimes, paid_at,
            agent_number, terminal, status, first_file_id, first_line, file_id, line)
        SELECT :network, reference, code, amount_centimes, paid_at, agent_number, terminal, status,
            file_id, first_line, file_id, line
        FROM words WHERE earlier_code IS NULL
        RETURNING first_file_id
    ), changed AS (
        UPDATE network_payment p SET
            code = w.code, amount_centimes = w.amount_centimes, paid_at = w.paid_at,
            agent_number = w.agent_number, terminal = w.terminal, status = w.status,
            first_file_id = CASE w.word WHEN 'new' THEN w.file_id ELSE p.first_file_id END,
            first_line = CASE w.word WHEN 'new' THEN w.first_line ELSE p.first_line END,
            file_id = w.file_id, line = w.line
        FROM words w WHERE w.earlier_code IS NOT NULL AND w.word IN ('new', 'corrected')
            AND p.network = :network AND p.reference = w.reference
        RETURNING p.first_file_id
    ), taken AS (
        SELECT first_file_id FROM told_anew UNION ALL SELECT first_file_id FROM changed
    )
    SELECT count(*) FILTER (WHERE first_file_id = :file) AS new,
        count(*) FILTER (WHERE first_file_id <> :file) AS corrected
    FROM taken
"""
_TAKE = text(" ".join((_WORDS, _TAKE_WORDS)))
# Lines that another line of the same file follows for the same, new or corrected, payment.
_EARLIER_LINES = text("""
    SELECT CASE
            WHEN p.first_file_id = :file AND l.status <> n.status THEN 'undone'
            WHEN (l.code, l.amount_centimes, l.paid_at, l.agent_number, l.terminal,
                        l.status) IS NOT DISTINCT FROM (n.code, n.amount_centimes, n.paid_at,
                        n.agent_number, n.terminal, n.status)
                OR EXISTS (SELECT 1 FROM settlement_line e
                JOIN settlement_file f ON f.id = e.file_id
                WHERE e.reference = l.reference AND e.file_id < :file
                    AND f.network = :network AND f.withdrawn_at IS NULL
                    AND (e.code, e.amount_centimes, e.paid_at, e.agent_number, e.terminal,
                        e.status) IS NOT DISTINCT FROM (l.code, l.amount_centimes, l.paid_at,
                        l.agent_number, l.terminal, l.status)) THEN 'known'
            ELSE 'corrected'
        END AS word, count(*) AS lines
    FROM (SELECT *,
            lead(line) OVER (PARTITION BY reference ORDER BY paid_at, status, line) AS next
        FROM settlement_line WHERE file_id = :file) l
    JOIN settlement_line n ON n.file_id = :file AND n.line = l.next
    JOIN network_payment p ON p.network = :network AND p.reference = l.reference
        AND p.file_id = :file
    GROUP BY 1
""")
