"""What was taken lately, for who watches whether money comes in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from app.agents.models import agent_network
from app.base.money import Money
from app.payments.models import deposit, payment_code


@dataclass(frozen=True, slots=True)
class Takings:
    """Deposits of one network and channel, and their cash."""

    network: str
    channel: str
    deposits: int
    total: Money


def list_takings(connection: Connection, since: datetime) -> list[Takings]:
    """Returns the deposits received since then, by network and channel; reversed ones count too."""
    # Network by network: the index begins with it.
    joined = agent_network.join(deposit, deposit.c.network == agent_network.c.code)
    groups = agent_network.c.code, deposit.c.channel
    rows = connection.execute(
        select(
            *groups,
            func.count().label("deposits"),
            func.sum(deposit.c.total_centimes).label("centimes"),
        )
        .select_from(joined)
        .where(deposit.c.received_at >= since)
        .group_by(*groups)
        .order_by(*groups)
    )
    return [Takings(row.code, row.channel, row.deposits, Money(int(row.centimes))) for row in rows]


def count_codes_made(connection: Connection, since: datetime) -> int:
    """Returns how many codes were made since then, whatever became of them."""
    made = select(func.count()).select_from(payment_code).where(payment_code.c.issued_at >= since)
    return connection.execute(made).scalar_one()
