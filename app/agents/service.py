"""Adds agencies and agents, and signs agents in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pydantic import SecretStr
from sqlalchemy import Connection, and_, case, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.agents.agency_file import AgencyRow
from app.agents.errors import AgentLocked, PhoneTaken, WrongPin
from app.agents.models import agency, agent, town
from app.agents.networks import DEFAULT_NETWORK, get_network
from app.agents.rules import Hours
from app.agents.towns import Town, find_town, towns
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.operation import Operation
from app.base.phone import Phone

WRONG_PINS_ALLOWED = 5
LOCKED_FOR = timedelta(minutes=30)
# OWASP's smallest parameters: with others a busy server keeps a phone waiting over a second.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class NewAgency:
    """An agency to be added or changed; `code` is what receipts show. None leaves a field as it is.

    `network` is of a new agency; None is the default network. An agency never changes it.

    Phones find it where `town` is one of towns.csv; elsewhere it can only take cash.
    `float_limit` is the most cash it takes in a day; zero lifts the limit.
    """

    code: str
    name: str
    town: str
    address: str | None = None
    weekdays: Hours | None = None
    saturday: Hours | None = None
    float_limit: Money | None = None
    network: str | None = None


@dataclass(frozen=True, slots=True)
class NewAgent:
    """An agent to be added, or given a new PIN, agency and phone.

    `code_limit` is the most cash for one code, `day_limit` for a day. None leaves a limit as it is,
    zero lifts it.
    """

    number: str
    agency_code: str
    pin: SecretStr
    phone: Phone | None = None
    code_limit: Money | None = None
    day_limit: Money | None = None


@cache
def _hash_for_unknown_number() -> str:
    """Returns the hash to check for an unknown number, so that the answer takes as long as any."""
    return _hasher.hash("nobody")


def load_towns(operation: Operation, only: Sequence[Town] | None = None) -> None:
    """Writes towns into the table: all shipped ones, or `only` these."""
    values = [
        {
            "code": place.code,
            "region": place.region,
            "latin": place.latin,
            "arabic": place.arabic,
            "tifinagh": place.tifinagh,
        }
        for place in (towns().values() if only is None else only)
    ]
    statement = insert(town).values(values)
    changes = {name: statement.excluded[name] for name in values[0] if name != "code"}
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["code"], set_=changes)
    )


def add_agency(operation: Operation, new: NewAgency) -> None:
    """Adds or changes an agency. Raises: InvalidInput for its network."""
    if new.network:
        _check_network(operation.connection, new.network, [new.code])
    known = find_town(new.town)
    if known:
        load_towns(operation, [known])
    values: dict[str, object] = {
        "name": new.name,
        "town": new.town,
        "town_code": known.code if known else None,
    }
    optional = {
        "address": new.address,
        **(_clock_values("weekday", new.weekdays) if new.weekdays else {}),
        **(_clock_values("saturday", new.saturday) if new.saturday else {}),
    }
    changes = values | {name: value for name, value in optional.items() if value is not None}
    changes |= _limit_values(float_limit_centimes=new.float_limit)
    network = new.network or DEFAULT_NETWORK
    statement = insert(agency).values(code=new.code, network=network, **changes)
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["code"], set_=changes)
    )


def replace_agencies(
    operation: Operation, rows: Sequence[AgencyRow], network: str = DEFAULT_NETWORK
) -> int:
    """Adds or changes the agencies of a network's checked file. Returns how many are new or differ.

    Agencies that are not in the file stay as they are: the file closes one with `active` no.

    Raises: InvalidInput for a network that is none, or agencies that are another network's.
    """
    _check_network(operation.connection, network, [row.code for row in rows])
    load_towns(operation)
    values = [{"network": network, **_agency_values(row)} for row in rows]
    statement = insert(agency).values(values)
    changes = {name: statement.excluded[name] for name in values[0] if name != "code"}
    differs = or_(*(agency.c[name].is_distinct_from(new) for name, new in changes.items()))
    upsert = statement.on_conflict_do_update(index_elements=["code"], set_=changes, where=differs)
    return len(operation.connection.execute(upsert.returning(agency.c.code)).all())


def add_agent(operation: Operation, new: NewAgent) -> None:
    """Adds an agent, or gives one a new PIN, agency and phone and unlocks the sign-in.

    Raises: PhoneTaken, InvalidInput for the PIN.
    """
    pin = new.pin.get_secret_value()
    if not (pin.isdecimal() and 4 <= len(pin) <= 8):
        raise InvalidInput(what="pin", why="not 4 to 8 digits")
    if new.phone and _is_of_another_agent(operation.connection, new.phone, new.number):
        raise PhoneTaken()
    values = {
        "agency_code": new.agency_code,
        "pin_hash": _hasher.hash(pin),
        "phone": new.phone.e164 if new.phone else None,
        "wrong_pins": 0,
        "locked_until": None,
        "active": True,
        **_limit_values(code_limit_centimes=new.code_limit, day_limit_centimes=new.day_limit),
    }
    operation.connection.execute(
        insert(agent)
        .values(number=new.number, **values)
        .on_conflict_do_update(index_elements=["number"], set_=values)
    )


def sign_in(operation: Operation, number: str, pin: SecretStr) -> int:
    """Returns the id of the agent with this number and PIN.

    The caller commits after a refusal too, because wrong PINs are counted. The slow comparison
    comes before the row is locked; guesses sent at the same moment are counted one by one.

    Raises: WrongPin, AgentLocked.
    """
    connection = operation.connection
    statement = select(agent.c.id, agent.c.pin_hash).where(agent.c.number == number, agent.c.active)
    row = connection.execute(statement).one_or_none()
    right = _is_right(row.pin_hash if row else _hash_for_unknown_number(), pin)
    if row is None:
        raise WrongPin()
    locked_until = connection.execute(
        select(agent.c.locked_until).where(agent.c.id == row.id).with_for_update()
    ).scalar_one()
    if locked_until and locked_until > operation.now:
        raise AgentLocked(until=locked_until)
    if not right:
        _count_wrong_pin(connection, row.id, operation.now)
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


def _is_of_another_agent(connection: Connection, phone: Phone, number: str) -> bool:
    """True if another active agent has the phone. A unique index refuses two at the same moment."""
    others = and_(agent.c.phone == phone.e164, agent.c.number != number, agent.c.active)
    return connection.execute(select(agent.c.id).where(others)).first() is not None


def _check_network(connection: Connection, network: str, codes: Sequence[str]) -> None:
    """Checks a network and its agencies. Raises: InvalidInput if unknown, or another network's."""
    get_network(connection, network)
    columns = agency.c
    others = select(columns.code).where(columns.code.in_(codes), columns.network != network)
    if strange := sorted(connection.execute(others).scalars()):
        raise InvalidInput(what="network", why=f"not of {network}: {', '.join(strange)}")


def _agency_values(row: AgencyRow) -> dict[str, object]:
    return {
        "code": row.code,
        "name": row.name,
        "town": row.town.latin,
        "town_code": row.town.code,
        "address": row.address,
        "active": row.active,
        **_clock_values("weekday", row.weekdays),
        **_clock_values("saturday", row.saturday),
    }


def _clock_values(days: str, hours: Hours | None) -> dict[str, time | None]:
    opens, closes = (hours.opens, hours.closes) if hours else (None, None)
    return {f"{days}_opens": opens, f"{days}_closes": closes}


def _limit_values(**limits: Money | None) -> dict[str, int | None]:
    return {name: limit.centimes or None for name, limit in limits.items() if limit is not None}
