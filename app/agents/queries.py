"""Reads agents."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.agents.models import agency, agent


@dataclass(frozen=True, slots=True)
class Agent:
    """A person at a till: `agency_code` is what receipts name."""

    id: int
    number: str
    agency_code: str
    agency_name: str


def find_agent(connection: Connection, agent_id: int) -> Agent | None:
    """An agent still allowed to work, by our own id."""
    row = connection.execute(
        select(agent.c.id, agent.c.number, agent.c.agency_code, agency.c.name)
        .join(agency, agency.c.code == agent.c.agency_code)
        .where(agent.c.id == agent_id, agent.c.active)
    ).one_or_none()
    return Agent(*row) if row else None
