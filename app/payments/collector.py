"""Collectors of cash: an agent at a page or phone, a network's system, a network's file."""

from __future__ import annotations

from dataclasses import dataclass

from app.agents.clients import Client
from app.agents.queries import Agent


@dataclass(frozen=True, slots=True)
class Collector:
    """The collector of a deposit's cash.

    `agent` is an agent of our table, whose limits apply; any other agent of the network is known by
    `agent_number` alone. An idempotency key is unique within `idempotency_scope`. `other_amounts`
    allows more or less cash than the code costs.
    """

    channel: str
    idempotency_scope: str
    network: str
    agent: Agent | None
    agent_number: str | None
    terminal: str | None = None
    client: Client | None = None
    reference: str | None = None
    other_amounts: bool = False
    # The network's name as people know it; receipts show it if the agency is not known.
    network_name: str = ""

    @property
    def agency_code(self) -> str | None:
        return self.agent.agency_code if self.agent else None

    @property
    def receipt_location(self) -> str:
        """The place a receipt names: the agency, or the network where the agency is not known."""
        return self.agent.place if self.agent else self.network_name

    @property
    def actor(self) -> str:
        """The actor of a deposit, as the books and the audit trail keep it."""
        if self.client:
            return f"client:{self.client.id}"
        return f"agent:{self.agent_number}" if self.agent_number else f"network:{self.network}"


def at_till(agent: Agent, channel: str) -> Collector:
    """Returns the collector for a signed-in agent on the channel `page` or `phone`."""
    return Collector(channel, f"agent:{agent.id}", agent.network, agent, agent.number)
