"""Undoes an import of the register as a whole, as long as nothing was built on it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, DateTime, RowMapping, bindparam, or_, select, text, update

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.operation import Operation
from app.enrolment.errors import ImportBuiltOn, ImportForgotten, ImportUndone, ImportUnknown
from app.enrolment.hand_overs import hand_over_phones, note_phones
from app.enrolment.models import artisan, registry_import
from app.enrolment.registry_imports import is_left_as, select_updated
from app.enrolment.registry_staging import wait_for_imports

# What is made for a person, in the words of whoever reads why an import stays.
_WORDS = {
    "artisan": "merged doubles",
    "artisan_phone": "tied phones",
    "artisan_pin": "PINs",
    "campaign_recipient": "reminders",
    "claim": "claims",
    "contribution_allocation": "settled months",
    "deposit": "deposits",
    "desk_act": "acts of the help desk",
    "ended_tie": "ended ties",
    "enrolment_file": "enrolment files",
    "family_cover": "families",
    "help_request": "help requests",
    "payer_look_up": "look-ups at tills",
    "payment_code": "payment codes",
    "pin_reset": "codes that replace a PIN",
    "tie_code": "codes that prove a phone",
}
# Told to people, or ended by the import itself: it keeps nobody's earlier values from coming back.
_TOLD = {"campaign_recipient", "ended_tie"}

# The register's own numbers, which a later import took.
_NOT_BUILT = {"ended_tie": "AND t.way <> 'register'"}

_REFERENCES = text(
    """
    SELECT c.conrelid::regclass::text AS table, quote_ident(a.attname) AS column
    FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.confrelid = 'artisan'::regclass AND cardinality(c.conkey) = 1
        AND c.conparentid = 0
    ORDER BY 1, 2
    """
)
_PEOPLE = """
    SELECT unnest(created_ids) AS id FROM registry_import WHERE id = :number
    UNION SELECT artisan_id FROM registry_import_update WHERE import_id = :number
    UNION SELECT unnest(artisan_ids) FROM registry_import_day WHERE import_id = :number
"""
_LATER = text(
    f"""
    WITH person AS ({_PEOPLE}), later AS (
        SELECT u.import_id, u.artisan_id AS id FROM registry_import_update u
        UNION ALL SELECT d.import_id, unnest(d.artisan_ids) FROM registry_import_day d)
    SELECT DISTINCT i.id FROM registry_import i JOIN later l ON l.import_id = i.id
    WHERE i.id > :number AND i.undone_at IS NULL AND l.id IN (SELECT id FROM person) ORDER BY i.id
    """  # noqa: S608 - a constant
)
# As rows: an array of thousands would be searched from its beginning for each person.
_CREATED = "SELECT unnest(CAST(:created AS bigint[]))"
_LOCK = text(
    f"""
    SELECT id FROM artisan WHERE id IN ({_CREATED} UNION ALL
        SELECT artisan_id FROM registry_import_update WHERE import_id = :number)
    ORDER BY id FOR UPDATE
    """  # noqa: S608 - a constant
)
_CLEAR_NUMBERS = text(
    """
    UPDATE artisan SET cnss_number = NULL, cin_digest = NULL FROM registry_import_update u
    WHERE u.import_id = :number AND u.artisan_id = artisan.id
        AND (u.earlier->>'cnss_number', u.earlier->>'cin_digest')
            IS DISTINCT FROM (artisan.cnss_number, artisan.cin_digest::text)
    """
)
_NUMBERS_TAKEN = text(
    """
    SELECT count(*) FROM registry_import_update u JOIN artisan a
        ON a.cnss_number = u.earlier->>'cnss_number'
        OR a.cin_digest = (u.earlier->>'cin_digest')::bytea
    WHERE u.import_id = :number AND a.id <> u.artisan_id
    """
)
_NUMBERS_GIVEN = text(
    f"""
    SELECT DISTINCT phone FROM artisan WHERE phone IS NOT NULL AND id IN ({_CREATED} UNION ALL
        SELECT artisan_id FROM registry_import_update WHERE import_id = :number)
    """  # noqa: S608 - a constant
)
# Who lost a number to somebody of the import has it again, unless another holds it since.
_GIVE_PHONES_BACK = text(
    """
    UPDATE artisan SET phone = lost_phone, lost_phone = NULL
    WHERE lost_phone = ANY(:numbers)
        AND EXISTS (SELECT FROM ended_tie e WHERE e.artisan_id = artisan.id
            AND e.phone = artisan.lost_phone AND e.way = 'register' AND e.ended_at = :imported_at)
        AND NOT EXISTS (SELECT FROM artisan holder WHERE holder.phone = artisan.lost_phone
            AND holder.id NOT IN (
                SELECT artisan_id FROM registry_import_update WHERE import_id = :number))
    """
).bindparams(bindparam("imported_at", type_=DateTime(True)))
# The register's own numbers, which its imports took from people, go with the people.
_DELETE_CREATED = text(
    f"""
    WITH ended AS (
        DELETE FROM ended_tie WHERE artisan_id IN ({_CREATED}) AND way = 'register')
    DELETE FROM artisan WHERE id IN ({_CREATED})
    """  # noqa: S608 - a constant
)
_MOVE_DAYS_BACK = text(
    """
    UPDATE artisan SET rights_as_of = d.earlier_day
    FROM (SELECT earlier_day, unnest(artisan_ids) AS id FROM registry_import_day
        WHERE import_id = :number) d
    WHERE artisan.id = d.id AND artisan.rights_as_of = :day
    """
)


@dataclass(frozen=True, slots=True)
class UndoReport:
    """The number of people removed, and of those who have their earlier values again."""

    removed: int
    restored: int


def undo_import(operation: Operation, number: int) -> UndoReport:
    """Removes whom the import created, and gives whom it updated their earlier values again.

    Raises: ImportUnknown, ImportUndone, ImportForgotten; ImportBuiltOn, naming what was built.
    """
    connection = operation.connection
    wait_for_imports(connection)
    found = _get_import(connection, number)
    params = {"number": number, "created": found["created_ids"]}
    connection.execute(_LOCK, params)
    if built := _find_built(connection, found):
        raise ImportBuiltOn(number=number, built=", ".join(built))
    report = _put_back(operation, found)
    connection.execute(
        update(registry_import)
        .where(registry_import.c.id == number)
        .values(undone_at=operation.now, undone_by=operation.actor)
    )
    record_audit(
        operation,
        "register_import_undone",
        "register",
        number=number,
        file=found["file_name"],
        removed=report.removed,
        restored=report.restored,
    )
    return report


def _get_import(connection: Connection, number: int) -> RowMapping:
    rows = select(registry_import).where(registry_import.c.id == number).with_for_update()
    found = connection.execute(rows).mappings().one_or_none()
    if found is None:
        raise ImportUnknown(number=number)
    if found["undone_at"] is not None:
        raise ImportUndone(number=number)
    if found["forgotten_at"] is not None:
        raise ImportForgotten(number=number)
    return found


def _find_built(connection: Connection, found: RowMapping) -> list[str]:
    """Lists what was built on an import, as `import 8` or `2 deposits`; its people are locked."""
    number = found["id"]
    later = connection.execute(_LATER, {"number": number}).scalars()
    if built := [f"import {one}" for one in later]:
        return built
    for table, column in connection.execute(_REFERENCES):
        if count := _count_rows_of(connection, table, column, found):
            built.append(f"{count} {_WORDS.get(table, f'rows of {table}')}")
    if not built and not is_left_as(connection, number, found["left_as"]):
        built.append("other values that its people have since")
    return built


def _count_rows_of(connection: Connection, table: str, column: str, found: RowMapping) -> int:
    """Counts the rows of people who were created, and those written since of who were updated."""
    since = (
        ""
        if table in _TOLD
        else (
            f"""
        + (SELECT count(*) FROM {table} t JOIN registry_import_update u ON u.artisan_id = t.{column}
            WHERE u.import_id = :number AND age(t.xmin) < age(CAST(:transaction_id AS xid)))
        """  # noqa: S608 - the catalogue's own names
        )
    )
    statement = text(
        f"""
        SELECT (SELECT count(*) FROM {table} t
            WHERE t.{column} IN ({_CREATED}) {_NOT_BUILT.get(table, "")}) {since}
        """  # noqa: S608 - the catalogue's own names
    )
    params = {
        "number": found["id"],
        "created": found["created_ids"],
        "transaction_id": found["transaction_id"],
    }
    return int(connection.execute(statement, params).scalar_one())


def _put_back(operation: Operation, found: RowMapping) -> UndoReport:
    connection, number = operation.connection, found["id"]
    params = {"number": number, "created": found["created_ids"]}
    numbers = list(connection.execute(_NUMBERS_GIVEN, params).scalars())
    touched = or_(artisan.c.id.in_(select_updated(number)), artisan.c.lost_phone.in_(numbers))
    last_id = note_phones(connection, select(artisan.c.id).where(touched))
    removed = connection.execute(_DELETE_CREATED, params).rowcount
    # Numbers first: two people may have swapped theirs.
    connection.execute(_CLEAR_NUMBERS, params)
    if taken := connection.execute(_NUMBERS_TAKEN, params).scalar_one():
        raise ImportBuiltOn(number=number, built=f"{taken} numbers that others have since")
    given = params | {"numbers": numbers, "imported_at": found["imported_at"]}
    connection.execute(_GIVE_PHONES_BACK, given)
    restored = connection.execute(text(_restoring()), params).rowcount
    day = local_date(found["imported_at"])
    connection.execute(_MOVE_DAYS_BACK, params | {"day": day})
    hand_over_phones(operation, last_id)
    return UndoReport(removed, restored)


def _restoring() -> str:
    names = [column.name for column in artisan.columns if column.name != "id"]
    return f"""
        UPDATE artisan SET ({", ".join(names)}) = (
            SELECT {", ".join(f"e.{name}" for name in names)}
            FROM jsonb_populate_record(artisan, u.earlier) e)
        FROM registry_import_update u
        WHERE u.import_id = :number AND u.artisan_id = artisan.id
    """  # noqa: S608 - the names are ours
