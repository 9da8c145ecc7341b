"""Reads the sealed trail: to stream it out as it comes, and to find what fits its seals no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.audit.sealing import ROW_TEXT
from app.base.rows import read_row

CHANGED = "a sealed row of the audit is as it was"
REMOVED = "a sealed row of the audit is there"
ADDED = "no row of the audit comes among those that are sealed"
MISSING = "each seal of the audit follows the one before"
SEAL_RULES = (CHANGED, REMOVED, ADDED, MISSING)
_MOST_NAMED = 20

# A few at once: each has a thousand links. After a gap nobody knows where a seal began.
_SEALS = text("""
    SELECT s.number, s.last_id, s.row_ids[1] AS first_id, s.links[cardinality(s.links)] AS link
    FROM audit_seal s WHERE s.number > :number AND s.last_id > :after ORDER BY s.number LIMIT 20
""")
_LINKS = """
    SELECT each.id, each.link, seal.number, each.place
    FROM audit_seal seal CROSS JOIN LATERAL unnest(seal.row_ids, seal.links)
        WITH ORDINALITY AS each (id, link, place)
    WHERE seal.number BETWEEN :first AND :last
"""
_ROWS = f"""
    SELECT id, {ROW_TEXT} AS text FROM audit_event WHERE id > :after AND id <= :through
"""  # noqa: S608 - our own words alone
_SEALED = text(f"""
    SELECT sealed.id, sealed.link, there.text
    FROM ({_LINKS}) sealed LEFT JOIN ({_ROWS}) there USING (id) ORDER BY number, place
""")  # noqa: S608 - our own words alone
# A row is judged by the stored link before it, so that one wrong row leaves the others right; the
# first one after a gap is not.
_UNLIKE = text(f"""
    SELECT id, sealed.id IS NULL AS added, there.id IS NULL AS removed
    FROM (SELECT id, link, lag(link, 1, CAST(:link AS bytea)) OVER (ORDER BY number, place)
        AS before FROM ({_LINKS}) links) sealed
    FULL JOIN ({_ROWS}) there USING (id)
    WHERE sealed.id IS NULL OR there.id IS NULL
        OR sha256(sealed.before || convert_to(there.text, 'UTF8')) <> sealed.link
    ORDER BY id
""")  # noqa: S608 - our own words alone
# A number is unique in its month alone.
_TWICE = text("""
    SELECT id FROM audit_event WHERE id > :after AND id <= :through
    GROUP BY id HAVING count(*) > 1 ORDER BY id
""")
_BEFORE_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row of the trail: its number, its link, and its text, or None if it is there no more."""

    id: int
    link: bytes
    text: str | None


@dataclass(frozen=True, slots=True)
class _Seals:
    """Seals that follow each other: numbers from `first` to `last`, of the rows above `after`.

    `link` is the last one of the seal before, nothing before the first seal, None after a gap.
    """

    first: int
    last: int
    after: int
    through: int
    link: bytes | None

    @property
    def params(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}


def list_sealed_rows(connection: Connection, after: int) -> Iterator[SealedRow]:
    """Yields the sealed rows of higher numbers than `after`, some thousands in memory."""
    for seals in _list_seals(connection, after):
        for row in connection.execute(_SEALED, seals.params):
            if row.id > after:
                yield read_row(SealedRow, row)
                after = row.id


def find_broken_seals(connection: Connection) -> dict[str, list[str]]:
    """Returns the rules that do not hold, each with the rows that break it; 20 are named."""
    broken: dict[str, list[str]] = defaultdict(list)
    number = 0
    for seals in _list_seals(connection, 0):
        if seals.first != number + 1:
            broken[MISSING].append(f"seal {number + 1}")
        twice = set(connection.execute(_TWICE, seals.params).scalars())
        broken[ADDED] += (f"audit_event {row_id}" for row_id in sorted(twice))
        for row in connection.execute(_UNLIKE, seals.params):
            if row.id not in twice:
                rule = ADDED if row.added else REMOVED if row.removed else CHANGED
                broken[rule].append(f"audit_event {row.id}")
        number = seals.last
    return {rule: _shorten(names) for rule, names in broken.items() if names}


def _list_seals(connection: Connection, after: int) -> Iterator[_Seals]:
    """Yields the seals of rows above `after`, and those that are made meanwhile."""
    number, last_id, link = 0, _BEFORE_ALL, b""
    while rows := connection.execute(_SEALS, {"number": number, "after": after}).all():
        if is_gap := rows[0].number != number + 1:
            last_id = rows[0].first_id - 1
        seals = [row for place, row in enumerate(rows) if row.number == rows[0].number + place]
        last = seals[-1]
        before = None if is_gap else link
        yield _Seals(rows[0].number, last.number, last_id, last.last_id, before)
        number, last_id, link = last.number, last.last_id, last.link


def _shorten(names: list[str]) -> list[str]:
    more = len(names) - _MOST_NAMED
    return [*names[:_MOST_NAMED], f"and {more} more"] if more > 0 else names
