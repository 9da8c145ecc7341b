"""Reads the sealed trail: to stream it out as it comes, and to find what fits its seals no more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.audit.sealing import ROW_TEXT, make_link
from app.base.rows import read_row

CHANGED = "a sealed row of the audit is as it was"
REMOVED = "a sealed row of the audit is there"
ADDED = "no row of the audit comes among those that are sealed"
MISSING = "each seal of the audit follows the one before"
SEAL_RULES = (CHANGED, REMOVED, ADDED, MISSING)
_MOST_NAMED = 20

# A few at once: each has a thousand links. After a gap nobody knows where a seal began.
_SEALS = text("""
    SELECT s.number, s.last_id, s.row_ids, s.links, coalesce((SELECT last_id FROM audit_seal
        WHERE number = s.number - 1), CASE WHEN s.number > 1 THEN s.row_ids[1] - 1 END,
        CAST('-9223372036854775808' AS bigint)) AS after
    FROM audit_seal s WHERE s.number > :number AND s.last_id > :after ORDER BY s.number LIMIT 10
""")
_ROWS = text(f"""
    SELECT id, {ROW_TEXT} AS text FROM audit_event
    WHERE id > :after AND id <= :through ORDER BY id
""")  # noqa: S608 - our own words alone


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row of the trail: its number, its link, and its text, or None if it is there no more."""

    id: int
    link: bytes
    text: str | None


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal of the rows above `after`, each with its link."""

    number: int
    after: int
    last_id: int
    row_ids: list[int]
    links: list[bytes]


def list_sealed_rows(connection: Connection, after: int) -> Iterator[SealedRow]:
    """Yields the sealed rows of higher numbers than `after`, a thousand or so in memory."""
    for seal in _list_seals(connection, after):
        texts = dict(_read_texts(connection, seal))
        for row_id, link in zip(seal.row_ids, seal.links, strict=True):
            if row_id > after:
                yield SealedRow(row_id, link, texts.get(row_id))


def find_broken_seals(connection: Connection) -> dict[str, list[str]]:
    """Returns the rules that do not hold, each with the rows that break it; 20 are named."""
    broken: dict[str, list[str]] = defaultdict(list)
    number, link = 0, b""
    for seal in _list_seals(connection, 0):
        follows = seal.number == number + 1
        if not follows:
            broken[MISSING].append(f"seal {number + 1}")
        texts = _read_texts(connection, seal)
        for rule, row_id in _compare(seal, dict(texts), link if follows else None):
            broken[rule].append(f"audit_event {row_id}")
        # A number is unique in its month alone.
        counted = Counter(row_id for row_id, _ in texts)
        broken[ADDED] += (f"audit_event {row_id}" for row_id, rows in counted.items() if rows > 1)
        number, link = seal.number, seal.links[-1]
    return {rule: _shorten(names) for rule, names in broken.items() if names}


def _compare(
    seal: Seal, texts: Mapping[int, str], before: bytes | None
) -> Iterator[tuple[str, int]]:
    """Yields rule and number of each row that does not fit; `before` is None after a gap.

    A row is judged by the stored link before it, so that one wrong row leaves the others right.
    """
    for row_id, link in zip(seal.row_ids, seal.links, strict=True):
        if row_id not in texts:
            yield REMOVED, row_id
        elif before is not None and make_link(before, texts[row_id]) != link:
            yield CHANGED, row_id
        before = link
    for row_id in sorted(texts.keys() - set(seal.row_ids)):
        yield ADDED, row_id


def _list_seals(connection: Connection, after: int) -> Iterator[Seal]:
    """Yields the seals of rows above `after`, and those that are made meanwhile."""
    number = 0
    while rows := connection.execute(_SEALS, {"number": number, "after": after}).all():
        for row in rows:
            number = row.number
            yield read_row(Seal, row)


def _read_texts(connection: Connection, seal: Seal) -> list[tuple[int, str]]:
    params = {"after": seal.after, "through": seal.last_id}
    return [(row.id, row.text) for row in connection.execute(_ROWS, params)]


def _shorten(names: list[str]) -> list[str]:
    more = len(names) - _MOST_NAMED
    return [*names[:_MOST_NAMED], f"and {more} more"] if more > 0 else names
