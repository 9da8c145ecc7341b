"""Checks that limits and lists of addresses compare the client's address, not the proxy's."""

from __future__ import annotations

from sqlalchemy import func, select

from app.agents.models import api_client
from app.base.counts import write_count
from app.base.database import reading
from app.checks.looking import WrongInProduction
from app.runtime import Runtime


def check_callers(maalem: Runtime) -> str:
    """Returns how many lists of addresses there are. Raises: WrongInProduction.

    A server speaks no TLS and its cookies need it, so in production a proxy always stands before
    it. That is not believed unasked, on this machine neither: one that adds no address of its own
    would pass on whatever a caller made up.
    """
    listed, proxies = _name_lists(maalem), maalem.settings.trusted_proxies
    if not proxies:
        compared = f" and is compared with {', '.join(listed)}" if listed else ""
        raise WrongInProduction(
            f"TRUSTED_PROXIES is not set: the door's address stands for all callers in the limits"
            f"{compared}; of a door on this machine it is 127.0.0.1,::1"
        )
    lists = write_count(len(listed), "list of addresses", "lists of addresses")
    return f"{lists}, {write_count(len(proxies), 'trusted proxy', 'trusted proxies')}"


def _name_lists(maalem: Runtime) -> list[str]:
    has_list = func.cardinality(api_client.c.addresses) > 0
    clients = select(api_client.c.id).where(has_list, api_client.c.revoked_at.is_(None))
    with reading(maalem.database) as connection:
        names = connection.execute(clients.order_by(api_client.c.id)).scalars().all()
    sources = ["CALLBACK_SOURCES"] if maalem.settings.callback_sources else []
    return [*sources, *(f"the addresses of client {name}" for name in names)]
