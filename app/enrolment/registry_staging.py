"""The SQL of an import: rejects duplicates and numbers of others, then stores the rest.

Keys are compared in the staging table and not in Python, so memory does not grow with the rows.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    Text,
    case,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.keys import Keys, Purpose
from app.base.rows import read_row
from app.enrolment.models import artisan, registry_import_day, registry_import_update
from app.enrolment.registry_rows import Stored

# The columns that hold the file's fields, in the file's order; the year of a birth date comes last.
STORED = (
    "rna_number",
    "cnss_number",
    "cin_digest",
    "full_name",
    "full_name_ar",
    "birth_date",
    "phone",
    "language",
    "category",
    "coefficient",
    "annual_tax_centimes",
    "trade",
    "region",
    "province",
    "enrolled_on",
    "rights_until",
    "birth_year",
)
# Unique beside the RNA number, with the names that the file has for them.
_NUMBERS = {"cnss_number": "cnss_number", "cin_digest": "cin"}
Staged = int | Stored | list[bytes]
_ONE_AT_A_TIME = int.from_bytes(b"registry", "big")

_temporary = MetaData()
# A rejected line has a reason and no values; `start` is the place of its first byte in the file.
incoming = Table(
    "registry_incoming",
    _temporary,
    Column("line", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("reason", Text),
    *(Column(name, artisan.c[name].type) for name in STORED),
    # The other forms in which the register may hold the CIN, where it holds such.
    Column("cin_earlier", ARRAY(LargeBinary)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
# An accepted row wants a number another artisan has. `holder_line` is that artisan's own accepted
# row: it gives the number up, for duplicates are out by then. Null when the file has none.
contest = Table(
    "registry_contest",
    _temporary,
    Column("line", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("holder_id", BigInteger, nullable=False),
    Column("holder_line", BigInteger, index=True),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_accepted = incoming.c.reason.is_(None)
# What rows are compared by; the other columns decide no plan.
_ANALYZE = f"ANALYZE registry_incoming ({', '.join(('line', 'reason', 'rna_number', *_NUMBERS))})"


_same_person = artisan.c.rna_number == incoming.c.rna_number
# The register's own word: in it a number is still its old holder's after it went to another.
_word = tuple_(
    *(
        func.coalesce(artisan.c.phone, artisan.c.lost_phone) if name == "phone" else artisan.c[name]
        for name in STORED
    )
)
_differs = _word.is_distinct_from(tuple_(*(incoming.c[name] for name in STORED)))
_matched = incoming.outerjoin(artisan, _same_person)
_known = artisan.c.id.is_not(None)


def wait_for_imports(connection: Connection) -> None:
    """Waits until no other import, nor an undo of one, is under way, however long it takes."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))


def make_staging(connection: Connection) -> None:
    """Waits for another import to end, then creates the transaction's own empty tables."""
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    wait_for_imports(connection)
    _temporary.create_all(connection, checkfirst=False)


def has_other_cins(connection: Connection, keys: Keys) -> bool:
    """True if somebody's CIN is stored under another key than today's."""
    mark = keys.today(Purpose.CIN).mark
    after = (int.from_bytes(mark, "big") + 1).to_bytes(5, "big")[-4:]
    column = artisan.c.cin_digest
    other = select(artisan.c.id).where(or_(column < mark, column >= after)).limit(1)
    return connection.execute(other).first() is not None


def digest_cins_again(connection: Connection) -> None:
    """Stores the CINs of the file's rows under today's key, where another holds them.

    A CIN that somebody else has is then found, whichever key it was stored under.
    """
    forms = select(
        func.unnest(incoming.c.cin_earlier).label("earlier"), incoming.c.cin_digest
    ).where(_accepted, incoming.c.cin_earlier.is_not(None))
    known = forms.subquery()
    connection.execute(
        update(artisan)
        .where(artisan.c.cin_digest == known.c.earlier)
        .values(cin_digest=known.c.cin_digest)
    )


def stage(connection: Connection, rows: Iterable[tuple[Staged, ...]]) -> None:
    """Copies line, start, reason and the stored values of each row into the staging table."""
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {incoming.name} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def reject_duplicates(connection: Connection) -> None:
    """Rejects each row whose RNA number, CNSS number or CIN an earlier accepted row has."""
    connection.execute(text(_ANALYZE))
    for column, field in {"rna_number": "rna_number", **_NUMBERS}.items():
        key = incoming.c[column]
        first = func.min(incoming.c.line).over(partition_by=key).label("first")
        seen = select(incoming.c.line, first).where(_accepted, key.is_not(None)).subquery()
        connection.execute(
            update(incoming)
            .where(incoming.c.line == seen.c.line, seen.c.first < seen.c.line)
            .values(reason=func.concat(f"{field}: already on line ", seen.c.first))
        )


def reject_taken(connection: Connection) -> None:
    """Rejects each row whose CNSS number or CIN another artisan has and keeps."""
    for column in _NUMBERS:
        _find_contests(connection, column)
    connection.execute(text("ANALYZE registry_contest"))
    _reject_lost_contests(connection)


def reject_merged(connection: Connection) -> None:
    """Rejects each row of a double that the help desk merged into another entry."""
    kept = artisan.alias("kept")
    double = select(artisan.c.rna_number, kept.c.rna_number.label("kept")).join(
        kept, kept.c.id == artisan.c.merged_into
    )
    merged = double.subquery()
    connection.execute(
        update(incoming)
        .where(incoming.c.rna_number == merged.c.rna_number, _accepted)
        .values(reason=func.concat("rna_number: merged into ", merged.c.kept))
    )


def reject_forgotten(connection: Connection) -> None:
    """Rejects each row of a person who asked to be forgotten."""
    columns = artisan.c
    connection.execute(
        update(incoming)
        .where(
            incoming.c.rna_number == columns.rna_number,
            columns.forgotten_at.is_not(None),
            _accepted,
        )
        .values(reason="rna_number: the person asked to be forgotten")
    )


def _find_contests(connection: Connection, column: str) -> None:
    holder, theirs = artisan.alias("holder"), incoming.alias("theirs")
    another = holder.c.rna_number != incoming.c.rna_number
    own_row = theirs.c.rna_number == holder.c.rna_number
    sources = incoming.join(holder, (holder.c[column] == incoming.c[column]) & another).outerjoin(
        theirs, own_row & theirs.c.reason.is_(None)
    )
    contests = select(incoming.c.line, literal(_NUMBERS[column]), holder.c.id, theirs.c.line)
    connection.execute(
        insert(contest).from_select(
            contest.c.keys(), contests.select_from(sources).where(_accepted)
        )
    )


def _reject_lost_contests(connection: Connection) -> None:
    """Rejects rows that want the number of a holder who keeps it, and so on along the chain.

    A holder without an accepted row of its own keeps its number.
    """
    kept = contest.c.holder_line.is_(None)
    lost = select(contest.c.line).where(kept).cte("lost", recursive=True)
    lost = lost.union(select(contest.c.line).where(contest.c.holder_line == lost.c.line))
    against = or_(kept, contest.c.holder_line.in_(select(lost.c.line)))
    why = func.string_agg(contest.c.number + ": belongs to another artisan", "; ").label("why")
    reasons = select(contest.c.line, why).where(against).group_by(contest.c.line).subquery()
    connection.execute(
        update(incoming).where(incoming.c.line == reasons.c.line).values(reason=reasons.c.why)
    )


def rejected_rows(connection: Connection) -> Generator[tuple[int, int, str], None, None]:
    """Yields line, start and reason of each rejected row, in the file's order.

    To be closed by the caller: the transaction has a cursor open until then.
    """
    wanted = select(incoming.c.line, incoming.c.start, incoming.c.reason).where(~_accepted)
    with connection.execute(
        wanted.order_by(incoming.c.line), execution_options={"yield_per": 1000}
    ) as rows:
        yield from rows


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The number of artisans created, updated, and unchanged."""

    created: int
    updated: int
    unchanged: int


def count_rows(connection: Connection) -> StoredRows:
    """Returns what `store` would create, update and leave unchanged."""
    counts = select(
        func.count().filter(~_known).label("created"),
        func.count().filter(_known & _differs).label("updated"),
        func.count().filter(_known & ~_differs).label("unchanged"),
    )
    return read_row(
        StoredRows, connection.execute(counts.select_from(_matched).where(_accepted)).one()
    )


def count_artisans(connection: Connection) -> int:
    """Returns how many people the register holds."""
    return connection.execute(select(func.count()).select_from(artisan)).scalar_one()


def keep_earlier(connection: Connection, import_id: int, today: date) -> bool:
    """Keeps what `store` is about to change, so that the import can be undone.

    Returns True if it moves the day of CNSS's word for somebody who is not updated.
    """
    columns = registry_import_update.c
    rows = select(literal(import_id), artisan.c.id, func.to_jsonb(literal_column("artisan")))
    changing = rows.select_from(_matched).where(_accepted, _known, _differs)
    connection.execute(
        insert(registry_import_update).from_select(
            (columns.import_id, columns.artisan_id, columns.earlier), changing
        )
    )
    earlier = artisan.c.rights_as_of
    days = select(literal(import_id), earlier, func.array_agg(artisan.c.id)).group_by(earlier)
    moving = days.select_from(_matched).where(_accepted, _known, ~_differs, earlier != today)
    kept = insert(registry_import_day).from_select(registry_import_day.c.keys(), moving)
    moved = connection.execute(kept.returning(registry_import_day.c.import_id))
    return moved.first() is not None


def store(connection: Connection, today: date) -> None:
    """Creates and updates artisans from the accepted rows.

    `today` becomes the day of CNSS's word for every accepted row, which alone is no update. A row
    without a change is not touched.
    """
    _give_up_numbers(connection)
    # Not by an upsert: it takes longer, and holds up payments of everybody it updates.
    _update_known(connection, today)
    values = select(*(incoming.c[name] for name in STORED), literal(today)).select_from(_matched)
    created = values.where(_accepted, ~_known).order_by(incoming.c.line)
    connection.execute(insert(artisan).from_select((*STORED, "rights_as_of"), created))


def _give_up_numbers(connection: Connection) -> None:
    """Clears the numbers that other artisans take over in this file, so that two may swap."""
    won = select(contest.c.holder_id).join(incoming, incoming.c.line == contest.c.line)
    for column, field in _NUMBERS.items():
        given_up = won.where(_accepted, contest.c.number == field)
        connection.execute(update(artisan).where(artisan.c.id.in_(given_up)).values({column: None}))


def _update_known(connection: Connection, today: date) -> None:
    told, lost = incoming.c.phone, artisan.c.lost_phone
    values = {name: incoming.c[name] for name in STORED[1:]} | {
        "phone": case((told == lost, artisan.c.phone), else_=told),
        "lost_phone": case((told == lost, lost)),
        "rights_as_of": today,
    }
    connection.execute(
        update(artisan)
        .where(_same_person, _accepted, or_(_differs, artisan.c.rights_as_of != today))
        .values(values)
    )
