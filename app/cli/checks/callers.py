"""Checks that lists of addresses compare the client's address, not the proxy's."""

from __future__ import annotations

from sqlalchemy import func, select

from app.agents.models import api_client
from app.base.database import reading
from app.cli.checks.looking import WrongInProduction
from app.runtime import Runtime


def check_callers(maalem: Runtime) -> str:
    """Returns how many lists of addresses there are. Raises: WrongInProduction."""
    proxies = maalem.settings.trusted_proxies
    if (listed := _name_lists(maalem)) and not proxies:
        raise WrongInProduction(
            f"TRUSTED_PROXIES is not set, and the door's address is what is compared with"
            f" {', '.join(listed)}"
        )
    return f"{len(listed)} lists of addresses, {len(proxies)} trusted proxies"


def _name_lists(maalem: Runtime) -> list[str]:
    has_list = func.cardinality(api_client.c.addresses) > 0
    clients = select(api_client.c.id).where(has_list, api_client.c.revoked_at.is_(None))
    with reading(maalem.database) as connection:
        names = connection.execute(clients.order_by(api_client.c.id)).scalars().all()
    sources = ["CALLBACK_SOURCES"] if maalem.settings.callback_sources else []
    return [*sources, *(f"the addresses of client {name}" for name in names)]
