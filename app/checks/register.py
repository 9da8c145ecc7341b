"""Checks that somebody can take cash, and that nobody of development is let in."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, func, select, tuple_

from app.agents.clients import DEMO_CLIENT
from app.agents.models import agency, agent, agent_network, api_client
from app.agents.pins import is_agents_pin
from app.agents.queries import WORKING
from app.agents.samples import SAMPLE_AGENT, SAMPLE_PIN
from app.base.counts import write_count
from app.base.database import reading
from app.base.errors import PinKeyUnknown
from app.checks.looking import WrongInProduction
from app.enrolment.models import artisan
from app.enrolment.samples import SAMPLE_IDENTITIES
from app.office.models import office_user
from app.runtime import Runtime


def check_agents(maalem: Runtime) -> str:
    """Returns how many networks, open agencies and agents there are."""
    counts = {
        "networks": select(func.count()).select_from(agent_network),
        "agencies": select(func.count()).select_from(agency).where(agency.c.active),
        "agents": select(func.count())
        .select_from(agent.join(agency, agency.c.code == agent.c.agency_code))
        .where(*WORKING),
    }
    with reading(maalem.database) as connection:
        found = {name: connection.execute(each).scalar_one() for name, each in counts.items()}
    if none := [name for name, count in found.items() if not count]:
        raise WrongInProduction(f"no {', no '.join(none)}: nobody can take cash")
    return ", ".join(f"{count} {name}" for name, count in found.items())


def check_samples(maalem: Runtime) -> str:
    """Returns who of development is in the database; in production nobody may be."""
    with reading(maalem.database) as connection:
        found = [
            *_find_sample_users(connection),
            *_find_demo_client(connection),
            *_find_sample_agent(maalem, connection),
            *_find_sample_people(connection),
        ]
    if found:
        raise WrongInProduction(f"of development: {', '.join(found)}")
    return "nobody of development"


def _find_sample_users(connection: Connection) -> list[str]:
    working = office_user.c.sample & office_user.c.dismissed_at.is_(None)
    names = connection.execute(select(office_user.c.name).where(working).order_by("name"))
    return [f"user {name} of the office" for name in names.scalars()]


def _find_demo_client(connection: Connection) -> list[str]:
    mine = (api_client.c.id == DEMO_CLIENT) & api_client.c.revoked_at.is_(None)
    return [
        f"client {name}"
        for name in connection.execute(select(api_client.c.id).where(mine)).scalars()
    ]


def _find_sample_agent(maalem: Runtime, connection: Connection) -> list[str]:
    """The number alone may be an honest agent's; the PIN is not."""
    mine = (agent.c.number == SAMPLE_AGENT) & agent.c.active
    stored = connection.execute(select(agent.c.pin_hash).where(mine)).scalar()
    as_here = replace(maalem.services, samples=True)
    try:
        known = stored is not None and is_agents_pin(stored, SAMPLE_PIN, as_here)
    except PinKeyUnknown:
        known = False  # it lets nobody in; the check of the keys says it
    return [f"agent {SAMPLE_AGENT} with the known PIN"] if known else []


def _find_sample_people(connection: Connection) -> list[str]:
    known = tuple_(artisan.c.rna_number, artisan.c.birth_date).in_(SAMPLE_IDENTITIES.values())
    count = connection.execute(select(func.count()).where(known)).scalar_one()
    return [f"{write_count(count, 'person', 'people')} of the register"] if count else []
