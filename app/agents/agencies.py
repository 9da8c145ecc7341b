"""Adds, changes and closes agencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from sqlalchemy import Connection, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.agents.agency_file import AgencyRow
from app.agents.errors import AgencyCodeTaken
from app.agents.models import agency, agent, town
from app.agents.networks import DEFAULT_NETWORK, get_network
from app.agents.rules import Hours, limit_values
from app.agents.sessions import end_sessions
from app.agents.towns import Town, find_town, towns
from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.operation import Operation


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


def add_agency(operation: Operation, new: NewAgency, *, only_new: bool = False) -> None:
    """Adds or changes an agency. `only_new`: one of this code stays as it is.

    Raises: InvalidInput for its network, AgencyCodeTaken.
    """
    known_code = select(agency.c.code).where(agency.c.code == new.code)
    if only_new and operation.connection.execute(known_code).scalar() is not None:
        raise AgencyCodeTaken(code=new.code)
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
    changes |= limit_values(float_limit_centimes=new.float_limit)
    network = new.network or DEFAULT_NETWORK
    statement = insert(agency).values(code=new.code, network=network, **changes)
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["code"], set_=changes)
    )
    record_audit(operation, "agency_changed", f"agency:{new.code}", changed=sorted(changes))


def replace_agencies(
    operation: Operation, rows: Sequence[AgencyRow], network: str = DEFAULT_NETWORK
) -> int:
    """Adds or changes the agencies of a network's checked file. Returns how many are new or differ.

    Agencies that are not in the file stay as they are: the file closes one with `active` no.

    Raises: InvalidInput for a network that is none, or agencies that are another network's.
    """
    _check_network(operation.connection, network, [row.code for row in rows])
    # Before the agencies' own rows: deposits too hold the agent first, then the agency.
    _end_sessions_at(operation, [row.code for row in rows if not row.active])
    load_towns(operation)
    values = [{"network": network, **_agency_values(row)} for row in rows]
    statement = insert(agency).values(values)
    changes = {name: statement.excluded[name] for name in values[0] if name != "code"}
    differs = or_(*(agency.c[name].is_distinct_from(new) for name, new in changes.items()))
    upsert = statement.on_conflict_do_update(index_elements=["code"], set_=changes, where=differs)
    changed = list(operation.connection.execute(upsert.returning(agency.c.code)).scalars())
    if changed:
        record_audit(operation, "agencies_changed", f"network:{network}", agencies=sorted(changed))
    return len(changed)


def _end_sessions_at(operation: Operation, codes: Sequence[str]) -> None:
    """Ends the sessions of the agents of agencies that are closed now."""
    closing = select(agency.c.code).where(agency.c.code.in_(codes), agency.c.active)
    agents = select(agent.c.id).where(agent.c.agency_code.in_(closing))
    end_sessions(operation, list(operation.connection.execute(agents).scalars()), "agency_closed")


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
    pause = (hours.pause if hours else None) or (None, None)
    return {
        f"{days}_opens": hours.opens if hours else None,
        f"{days}_closes": hours.closes if hours else None,
        f"{days}_pause_begins": pause[0],
        f"{days}_pause_ends": pause[1],
    }
