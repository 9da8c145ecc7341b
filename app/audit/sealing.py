"""Seals the audit trail's rows in their order, so that none is changed, taken or slipped in unseen.

Rows are numbered before they are committed: a row may appear behind higher numbers. So only rows
are sealed below which nobody can write any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select, text

from app.audit.models import audit_event, audit_seal
from app.base.operation import Operation

SEALED_AT_ONCE = 1000
_MOST_COUNTED = 50_000
_ONE_AT_A_TIME = int.from_bytes(b"sealing", "big")

# A row as it is sealed and streamed: the same bytes for the same row, on every server.
ROW_TEXT = """
    jsonb_build_object('id', id, 'happened_at',
        to_char(happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'actor', actor, 'action', action, 'subject', subject, 'approved_by', approved_by,
        'details', details)::text
"""
# Many rows come at once, before the server counts them: it must not read them all for each seal.
_BY_INDEX = text("""
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
""")
_ROWS = text(f"""
    SELECT id, {ROW_TEXT} AS text FROM (SELECT * FROM audit_event
        WHERE id > :after AND id <= :through ORDER BY id LIMIT :most) next_rows ORDER BY id
""")  # noqa: S608 - our own words alone
_LAST = select(
    audit_seal.c.number,
    audit_seal.c.last_id,
    audit_seal.c.links[func.cardinality(audit_seal.c.links)].label("link"),
).order_by(audit_seal.c.number.desc())
# A statement that inserts holds this lock from before it takes a number until its transaction ends.
_WRITERS = text("""
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = 'audit_event'::regclass AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND mode = 'RowExclusiveLock'
""")


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Rows that wait for their seal: their count, and the moment of the oldest."""

    rows: int
    since: datetime | None


def make_link(before: bytes, row: str) -> bytes:
    """Returns a row's link, from the link before it (empty for the first row) and its text."""
    return sha256(before + row.encode()).digest()


class Sealer:
    """Seals behind those who still write; several workers may seal in turn."""

    def __init__(self) -> None:
        self._settled = 0
        # A number, and those who at its time could still write rows of lower numbers.
        self._waited: tuple[int, frozenset[str]] = (0, frozenset())

    def seal(self, operation: Operation) -> int:
        """Seals the next rows in one seal. Returns how many; 0 if none can be sealed yet."""
        connection = operation.connection
        lock = select(func.pg_try_advisory_xact_lock(_ONE_AT_A_TIME))
        if not connection.execute(lock).scalar():
            return 0
        self._settle(connection)
        last = connection.execute(_LAST.limit(1)).one_or_none()
        number, after, link = (last.number, last.last_id, last.link) if last else (0, 0, b"")
        params = {"after": after, "through": self._settled, "most": SEALED_AT_ONCE}
        connection.execute(_BY_INDEX)
        rows = connection.execute(_ROWS, params).all()
        if not rows:
            return 0
        links = [link := make_link(link, row.text) for row in rows]
        connection.execute(
            insert(audit_seal).values(
                number=number + 1,
                last_id=rows[-1].id,
                row_ids=[row.id for row in rows],
                links=links,
                sealed_at=operation.now,
            )
        )
        return len(rows)

    def _settle(self, connection: Connection) -> None:
        """Moves the number up to which all that will ever be written is there to be read.

        The number is read first: whoever had a lower one by then is still among the writers, or has
        ended. The rows are read last, by a snapshot of their own.
        """
        newest = connection.execute(select(func.max(audit_event.c.id))).scalar() or 0
        writers = frozenset(connection.execute(_WRITERS).scalars())
        if newest < self._settled:
            # Another server took over, without the newest rows.
            self._settled, self._waited = 0, (0, frozenset())
        if not writers:
            self._settled = newest
        waited_for, could_write = self._waited
        if not could_write & writers:
            self._settled = max(self._settled, waited_for)
            self._waited = newest, writers


def count_unsealed(connection: Connection) -> Unsealed:
    """Returns the rows that no seal has yet; 50,000 or more are counted as so many."""
    last = select(func.coalesce(func.max(audit_seal.c.last_id), 0)).scalar_subquery()
    waiting = (
        select(audit_event.c.happened_at)
        .where(audit_event.c.id > last)
        .order_by(audit_event.c.id)
        .limit(_MOST_COUNTED)
        .subquery()
    )
    row = connection.execute(
        select(func.count().label("rows"), func.min(waiting.c.happened_at).label("since"))
    ).one()
    return Unsealed(row.rows, row.since)
