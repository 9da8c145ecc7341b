"""Numbers that change hands in the register: what the old holder had on one ends with it.

`note_phones` before a bulk change of artisans and `hand_over_phones` after it compare who held each
number. The new holder finds nothing of the old one's, and shared phones are made anew by the
household's own act (docs/rules.md, Identifiers).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    func,
    select,
    text,
)

from app.audit.service import record_audit
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.models import REGISTER, artisan
from app.messaging.handed_over import end_messages, redirect_receipts

_temporary = MetaData()
# The register's phone of each artisan that the change may touch, as it was before.
held_before = Table(
    "phone_held_before",
    _temporary,
    Column("artisan_id", BigInteger, primary_key=True),
    Column("phone", Text),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
# The artisans that have another phone since, with it.
gained = Table(
    "phone_gained",
    _temporary,
    Column("artisan_id", BigInteger, primary_key=True),
    Column("phone", Text, nullable=False, index=True),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@dataclass(frozen=True, slots=True)
class _LostPhone:
    """A number that an artisan does not hold any more; `moved_to` is the artisan's new one."""

    artisan_id: int
    phone: str
    why: str
    moved_to: str | None


def note_phones(connection: Connection, changing: Select[tuple[int]]) -> int:
    """Notes the phones of the artisans whose ids `changing` selects, before they change.

    Returns the greatest id of an artisan, for `hand_over_phones`; 0 if there is none.
    """
    _temporary.create_all(connection, checkfirst=False)
    wanted = select(artisan.c.id, artisan.c.phone).where(artisan.c.id.in_(changing))
    connection.execute(held_before.insert().from_select(["artisan_id", "phone"], wanted))
    return connection.execute(select(func.max(artisan.c.id))).scalar() or 0


def hand_over_phones(operation: Operation, last_id: int) -> int:
    """Ends what old holders had on numbers that went to somebody else, or that nobody has now.

    Artisans with an id over `last_id` are new. Returns how many numbers changed hands.
    """
    connection, numbers = operation.connection, set[str]()
    if last_id:
        params = {"last": last_id, "now": operation.now}
        connection.execute(_FIND_GAINED, params)
        connection.execute(text("ANALYZE phone_gained"))
        rows = [*connection.execute(_LEFT, params), *connection.execute(_LOSE_PHONES, params)]
        lost = [_LostPhone(row.artisan_id, row.phone, row.why, row.moved_to) for row in rows]
        _end_register_ties(operation, lost)
        numbers = {one.phone for one in lost if one.why != "moved"}
        numbers |= set(connection.execute(_OF_STRANGERS).scalars())
        _redirect_receipts(operation, lost)
        _end_numbers(operation, numbers, {one.phone: one.why for one in lost})
    _temporary.drop_all(connection, checkfirst=False)
    return len(numbers)


def _end_register_ties(operation: Operation, lost: list[_LostPhone]) -> None:
    """Ends the old holders' ties, and the codes that were sent to the numbers."""
    for one in lost:
        params = {"phone": one.phone, "artisan": one.artisan_id, "now": operation.now}
        operation.connection.execute(_END_REGISTER_TIE, params | {"why": one.why})
        _audit(operation, one.artisan_id, one.phone, REGISTER, one.why)
    if lost:
        owners = {"ids": [one.artisan_id for one in lost]}
        operation.connection.execute(_END_RESETS, owners)
        operation.connection.execute(_END_CODES_OF_OWNERS, owners)


def _redirect_receipts(operation: Operation, lost: list[_LostPhone]) -> None:
    """Sends receipts that wait, or did not arrive, to the new number of their only old holder."""
    holders = Counter(one.phone for one in lost)
    others = operation.connection.execute(_TIED_BESIDE, {"phones": list(holders)})
    shared = {phone for phone, count in holders.items() if count > 1} | set(others.scalars())
    moved = {
        one.phone: one.moved_to
        for one in lost
        if one.moved_to and one.why != "moved" and one.phone not in shared
    }
    redirect_receipts(operation, moved)


def _end_numbers(operation: Operation, numbers: set[str], whys: dict[str, str]) -> None:
    """Ends the other ties, the language, the wishes and the waiting messages of the numbers."""
    if not numbers:
        return
    params = {"phones": sorted(numbers), "now": operation.now}
    for row in operation.connection.execute(_TIED, params).all():
        why = whys.get(row.phone, "handed_over")
        tie = {"phone": row.phone, "artisan": row.artisan_id, "now": operation.now, "why": why}
        operation.connection.execute(_END_TIE, tie)
        _audit(operation, row.artisan_id, row.phone, row.way, why)
    operation.connection.execute(_FORGET_LANGUAGES, params)
    operation.connection.execute(_END_CODES, params)
    end_messages(operation, numbers)


def _audit(operation: Operation, artisan_id: int, phone: str, way: str, why: str) -> None:
    subject, masked = f"artisan:{artisan_id}", Phone(phone).masked
    record_audit(operation, "phone_untied", subject, phone=masked, way=way, why=why)


_FIND_GAINED = text("""
    INSERT INTO phone_gained
    SELECT a.id, a.phone FROM artisan a WHERE a.id > :last AND a.phone IS NOT NULL
    UNION ALL
    SELECT a.id, a.phone FROM phone_held_before b JOIN artisan a ON a.id = b.artisan_id
    WHERE a.phone IS NOT NULL AND a.phone IS DISTINCT FROM b.phone AND a.id <= :last
""")
# Where the register gives them another number, or none. A number that somebody else held beside
# stays in that hand.
_LEFT = text("""
    SELECT b.artisan_id, b.phone, a.phone AS moved_to, CASE
        WHEN EXISTS (SELECT FROM phone_gained g WHERE g.phone = b.phone) THEN 'handed_over'
        WHEN EXISTS (SELECT FROM artisan beside WHERE beside.phone = b.phone) THEN 'moved'
        ELSE 'withdrawn' END AS why
    FROM phone_held_before b JOIN artisan a ON a.id = b.artisan_id
    WHERE b.phone IS NOT NULL AND a.phone IS DISTINCT FROM b.phone
    ORDER BY b.artisan_id
""")
# Where the register still names a number that it gave to somebody else since.
_LOSE_PHONES = text("""
    UPDATE artisan old SET phone = NULL, lost_phone = old.phone
    FROM (SELECT DISTINCT phone FROM phone_gained) g
    WHERE old.phone = g.phone
      AND NOT EXISTS (SELECT FROM phone_gained own WHERE own.artisan_id = old.id)
    RETURNING old.id AS artisan_id, old.lost_phone AS phone, NULL AS moved_to, 'handed_over' AS why
""")
# Numbers that the register gives to people who were not tied to them, while others were.
_OF_STRANGERS = text("""
    SELECT DISTINCT g.phone FROM phone_gained g JOIN artisan_phone tied ON tied.phone = g.phone
    WHERE NOT EXISTS (SELECT FROM phone_gained own JOIN artisan_phone had
            ON had.phone = own.phone AND had.artisan_id = own.artisan_id
        WHERE own.phone = g.phone)
""")
_NOW = bindparam("now", type_=DateTime(True))
_END_REGISTER_TIE = text("""
    INSERT INTO ended_tie (phone, artisan_id, way, ended_at, why)
    VALUES (:phone, :artisan, 'register', :now, :why)
""").bindparams(_NOW)
_TIED_BESIDE = text("SELECT DISTINCT phone FROM artisan_phone WHERE phone = ANY(:phones)")
# The ties of those who hold the number now stay.
_TIED = text("""
    SELECT phone, artisan_id, way FROM artisan_phone tied WHERE phone = ANY(:phones)
      AND NOT EXISTS (SELECT FROM phone_gained g
          WHERE g.phone = tied.phone AND g.artisan_id = tied.artisan_id)
    ORDER BY phone, artisan_id
""")
_END_TIE = text("""
    WITH ended AS (DELETE FROM artisan_phone WHERE phone = :phone AND artisan_id = :artisan
        RETURNING phone, artisan_id, way, identified_at)
    INSERT INTO ended_tie (phone, artisan_id, way, since, ended_at, why)
    SELECT phone, artisan_id, way, identified_at, :now, :why FROM ended
""").bindparams(_NOW)
_FORGET_LANGUAGES = text("DELETE FROM phone_profile WHERE phone = ANY(:phones)")
_END_CODES = text("DELETE FROM tie_code WHERE phone = ANY(:phones)")
_END_CODES_OF_OWNERS = text("DELETE FROM tie_code WHERE artisan_id = ANY(:ids)")
_END_RESETS = text("DELETE FROM pin_reset WHERE artisan_id = ANY(:ids)")
