"""What SQL decides of an import: duplicates, numbers that belong to others, what to store.

Keys are compared in the staging table and not in Python, so memory does not grow with the rows.
"""

from collections.abc import Generator, Iterable
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Select,
    Table,
    Text,
    Tuple,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from app.enrolment.models import artisan
from app.enrolment.registry_rows import Stored

# The columns that hold the file's fields, in the file's order.
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
)
# Unique beside the RNA number, with the names that the file has for them.
_NUMBERS = {"cnss_number": "cnss_number", "cin_digest": "cin"}
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


def make_staging(connection: Connection) -> None:
    """Waits for another import to end, then makes the transaction's own empty tables."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    _temporary.create_all(connection, checkfirst=False)


def stage(connection: Connection, rows: Iterable[tuple[int | Stored, ...]]) -> None:
    """Copies line, start, reason and the stored values of each row into the staging table."""
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {incoming.name} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def reject_duplicates(connection: Connection) -> None:
    """Rejects a row whose RNA number, then CNSS number, then CIN an earlier accepted row has."""
    connection.execute(text("ANALYZE registry_incoming"))
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
    """Rejects a row whose CNSS number or CIN another artisan has and keeps."""
    for column in _NUMBERS:
        _find_contests(connection, column)
    connection.execute(text("ANALYZE registry_contest"))
    _reject_lost_contests(connection)


def _find_contests(connection: Connection, column: str) -> None:
    holder, theirs = artisan.alias("holder"), incoming.alias("theirs")
    another = holder.c.rna_number != incoming.c.rna_number
    own_row = theirs.c.rna_number == holder.c.rna_number
    sources = incoming.join(holder, (holder.c[column] == incoming.c[column]) & another).outerjoin(
        theirs, own_row & theirs.c.reason.is_(None)
    )
    found = select(incoming.c.line, literal(_NUMBERS[column]), holder.c.id, theirs.c.line)
    connection.execute(
        insert(contest).from_select(contest.c.keys(), found.select_from(sources).where(_accepted))
    )


def _reject_lost_contests(connection: Connection) -> None:
    """A holder without an accepted row of its own keeps its number, and so on along the chain."""
    kept = contest.c.holder_line.is_(None)
    lost = select(contest.c.line).where(kept).cte("lost", recursive=True)
    lost = lost.union(select(contest.c.line).where(contest.c.holder_line == lost.c.line))
    against = or_(kept, contest.c.holder_line.in_(select(lost.c.line)))
    why = func.string_agg(contest.c.number + ": belongs to another artisan", "; ").label("why")
    said = select(contest.c.line, why).where(against).group_by(contest.c.line).subquery()
    connection.execute(
        update(incoming).where(incoming.c.line == said.c.line).values(reason=said.c.why)
    )


def rejected_rows(connection: Connection) -> Generator[tuple[int, int, str], None, None]:
    """Line, start and reason of what was rejected, in the file's order, a thousand at a time.

    To be closed: until then the transaction has a cursor open.
    """
    wanted = select(incoming.c.line, incoming.c.start, incoming.c.reason).where(~_accepted)
    with connection.execute(
        wanted.order_by(incoming.c.line), execution_options={"yield_per": 1000}
    ) as rows:
        yield from rows


def store(connection: Connection, today: date) -> tuple[int, int, int]:
    """Creates and updates; how many were created, updated, and stay as they are.

    `today` becomes the day of CNSS's word for every accepted row, which alone is no update. A row
    that has nothing to change is not touched.
    """
    same_person = artisan.c.rna_number == incoming.c.rna_number
    differs = _tuple_of(artisan).is_distinct_from(_tuple_of(incoming))
    matched = incoming.outerjoin(artisan, same_person)
    known = artisan.c.id.is_not(None)
    counts = select(
        func.count().filter(~known),
        func.count().filter(known & differs),
        func.count().filter(known & ~differs),
    )
    created, updated, unchanged = connection.execute(
        counts.select_from(matched).where(_accepted)
    ).one()
    _give_up_numbers(connection)
    # Half the time of an upsert, and it does not hold up payments that refer to the artisan.
    connection.execute(
        update(artisan)
        .where(same_person, _accepted, ~differs, artisan.c.rights_as_of != today)
        .values(rights_as_of=today)
    )
    values = select(*(incoming.c[name] for name in STORED), literal(today)).select_from(matched)
    changing = values.where(_accepted, or_(~known, differs)).order_by(incoming.c.line)
    _upsert(connection, changing)
    return created, updated, unchanged


def _give_up_numbers(connection: Connection) -> None:
    """Rids artisans of the numbers that others take over in this file, so that two may swap."""
    won = select(contest.c.holder_id).join(incoming, incoming.c.line == contest.c.line)
    for column, field in _NUMBERS.items():
        given_up = won.where(_accepted, contest.c.number == field)
        connection.execute(update(artisan).where(artisan.c.id.in_(given_up)).values({column: None}))


def _upsert(connection: Connection, values: Select[Any]) -> None:
    names = (*STORED, "rights_as_of")
    statement = upsert(artisan).from_select(names, values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["rna_number"],
            set_={name: statement.excluded[name] for name in names[1:]},
        )
    )


def _tuple_of(table: Table) -> Tuple:
    return tuple_(*(table.c[name] for name in STORED))
