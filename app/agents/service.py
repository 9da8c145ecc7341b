"""Adds agencies and agents, and signs agents in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pydantic import SecretStr
from sqlalchemy import Connection, and_, case, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.agency_file import AgencyRow
from app.agents.errors import AgentLocked, PhoneTaken, WrongPin
from app.agents.models import agency, agent, town
from app.agents.rules import Hours
from app.agents.towns import Town, find_town, towns
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.phone import Phone

WRONG_PINS_ALLOWED = 5
LOCKED_FOR = timedelta(minutes=30)
# As artisans' PINs (OWASP's least): the usual parameters take a busy server past a phone's second.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _nobodys_hash() -> str:
    """Checked for an unknown number, so that the answer takes as long as for a known one."""
    return _hasher.hash("nobody")


def load_towns(connection: Connection, wanted: Sequence[Town] | None = None) -> None:
    """Writes the shipped towns, or those `wanted`, into the table."""
    rows = [
        {
            "code": one.code,
            "region": one.region,
            "latin": one.latin,
            "arabic": one.arabic,
            "tifinagh": one.tifinagh,
        }
        for one in (towns().values() if wanted is None else wanted)
    ]
    statement = insert(town).values(rows)
    given = {name: statement.excluded[name] for name in rows[0] if name != "code"}
    connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=given))


def add_agency(
    connection: Connection,
    code: str,
    name: str,
    town: str,
    *,
    address: str | None = None,
    weekdays: Hours | None = None,
    saturday: Hours | None = None,
    float_limit: Money | None = None,
) -> None:
    """Adds or changes an agency; its code is what receipts show. What is not given stays.

    Phones find it where `town` is one of towns.csv; elsewhere it can only take cash.
    `float_limit` is the most it takes in a day; zero lifts it.
    """
    known = find_town(town)
    if known:
        load_towns(connection, [known])
    always = {"name": name, "town": town, "town_code": known.code if known else None}
    given = {
        "address": address,
        **(_clocks("weekday", weekdays) if weekdays else {}),
        **(_clocks("saturday", saturday) if saturday else {}),
    }
    values = always | {key: value for key, value in given.items() if value is not None}
    values |= _limits(float_limit_centimes=float_limit)
    statement = insert(agency).values(code=code, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=values))


def replace_agencies(connection: Connection, rows: Sequence[AgencyRow]) -> int:
    """Adds or changes the agencies of a checked file; how many are new or other than before.

    Agencies the file does not name stay as they are: one that closes is given as not active.
    """
    load_towns(connection)
    values = [_agency_values(row) for row in rows]
    statement = insert(agency).values(values)
    given = {name: statement.excluded[name] for name in values[0] if name != "code"}
    changed = or_(*(agency.c[name].is_distinct_from(new) for name, new in given.items()))
    written = statement.on_conflict_do_update(index_elements=["code"], set_=given, where=changed)
    return len(connection.execute(written.returning(agency.c.code)).all())


def add_agent(
    connection: Connection,
    number: str,
    agency_code: str,
    pin: SecretStr,
    phone: Phone | None,
    *,
    code_limit: Money | None = None,
    day_limit: Money | None = None,
) -> None:
    """Adds an agent, or gives one a new PIN, agency and phone, and unlocks the sign-in.

    A limit that is not given stays, one of zero is lifted. PhoneTaken where the phone is another
    agent's; InvalidInput for the PIN.
    """
    if not (pin.get_secret_value().isdecimal() and 4 <= len(pin.get_secret_value()) <= 8):
        raise InvalidInput(what="pin", why="not 4 to 8 digits")
    if phone and _is_taken(connection, phone, number):
        raise PhoneTaken()
    values = {
        "agency_code": agency_code,
        "pin_hash": _hasher.hash(pin.get_secret_value()),
        "phone": phone.e164 if phone else None,
        "wrong_pins": 0,
        "locked_until": None,
        "active": True,
        **_limits(code_limit_centimes=code_limit, day_limit_centimes=day_limit),
    }
    connection.execute(
        insert(agent)
        .values(number=number, **values)
        .on_conflict_do_update(index_elements=["number"], set_=values)
    )


def sign_in(connection: Connection, number: str, pin: SecretStr, now: datetime) -> int:
    """The agent's id. WrongPin or AgentLocked; commit either way, so that wrong PINs count.

    The slow comparison comes before the row is locked; what it found counts in the order of the
    lock, so guesses sent at the same moment are counted one by one.
    """
    one = select(agent.c.id, agent.c.pin_hash).where(agent.c.number == number, agent.c.active)
    row = connection.execute(one).one_or_none()
    right = _is_right(row.pin_hash if row else _nobodys_hash(), pin)
    if row is None:
        raise WrongPin()
    locked_until = connection.execute(
        select(agent.c.locked_until).where(agent.c.id == row.id).with_for_update()
    ).scalar_one()
    if locked_until and locked_until > now:
        raise AgentLocked(until=locked_until)
    if not right:
        _count_wrong_pin(connection, row.id, now)
        raise WrongPin()
    connection.execute(
        update(agent).where(agent.c.id == row.id).values(wrong_pins=0, locked_until=None)
    )
    return int(row.id)


def _is_right(pin_hash: str, pin: SecretStr) -> bool:
    try:
        return _hasher.verify(pin_hash, pin.get_secret_value())
    except VerifyMismatchError:
        return False


def _count_wrong_pin(connection: Connection, agent_id: int, now: datetime) -> None:
    wrong = agent.c.wrong_pins + 1
    full = wrong >= WRONG_PINS_ALLOWED
    connection.execute(
        update(agent)
        .where(agent.c.id == agent_id)
        .values(
            wrong_pins=case((full, 0), else_=wrong),
            locked_until=case((full, now + LOCKED_FOR), else_=agent.c.locked_until),
        )
    )


def _is_taken(connection: Connection, phone: Phone, number: str) -> bool:
    """Asked first for a plain word; the unique index decides between two at once."""
    others = and_(agent.c.phone == phone.e164, agent.c.number != number, agent.c.active)
    return connection.execute(select(agent.c.id).where(others)).first() is not None


def _agency_values(row: AgencyRow) -> dict[str, Any]:
    return {
        "code": row.code,
        "name": row.name,
        "town": row.town.latin,
        "town_code": row.town.code,
        "address": row.address,
        "active": row.active,
        **_clocks("weekday", row.weekdays),
        **_clocks("saturday", row.saturday),
    }


def _clocks(days: str, hours: Hours | None) -> dict[str, Any]:
    opens, closes = (hours.opens, hours.closes) if hours else (None, None)
    return {f"{days}_opens": opens, f"{days}_closes": closes}


def _limits(**given: Money | None) -> dict[str, int | None]:
    return {name: limit.centimes or None for name, limit in given.items() if limit is not None}
