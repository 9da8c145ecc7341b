"""A network's systems that call the payments API: their keys, limits and callback hosts."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Response, request
from pydantic import SecretStr
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.agents.callback_hosts import change_callback_hosts
from app.agents.clients import (
    BILLS_A_DAY,
    NewClient,
    NewKeys,
    add_client,
    allow_other_amounts,
    change_bills_a_day,
    draw_key,
    find_client,
    revoke_client,
    rotate_key,
)
from app.agents.errors import ClientTaken, ClientUnknown
from app.agents.lists import CLIENT_SORTING, find_client_sheet, list_client_sheets
from app.agents.models import agent_network, api_client
from app.agents.networks import AgentNetwork, add_network, list_networks
from app.agents.signing_keys import callback_key, draw_signing_key, name_signing_key
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.money import Money
from app.office.rights import RIGHTS, Right
from app.reconciliation.network_formats import FORMATS
from app.runtime import runtime
from app.web.office.desk import act_on, add_to, here, look, own
from app.web.office.fields import (
    done,
    read_amount,
    read_choice,
    read_count,
    read_needed,
    read_text,
)
from app.web.office.frame import may, office_page, pages
from app.web.office.shown_once import show_once
from app.web.office.tables import show_table

_CLIENT = "/networks/clients/<identity>"
_MOST_HOURS, _MOST = 720, 1_000_000
_WORDS_IN_FIELD = re.compile(r"[\s,;]+")


@pages.get("/networks")
@may(Right.SEE_AGENTS)
def networks() -> Response:
    with look() as connection:
        clients = show_table(
            CLIENT_SORTING, lambda asked: list_client_sheets(connection, own(api_client), asked)
        )
        listed = list_networks(connection, own(agent_network))
    return office_page(
        "networks.html",
        networks=listed,
        clients=clients,
        bills_a_day=BILLS_A_DAY,
        acts=_may_act(),
        adds=Right.RUN_SERVICE in RIGHTS[here().role],
        formats=sorted(FORMATS),
    )


@pages.post("/networks")
@may(Right.RUN_SERVICE)
def add_network_here() -> AnyResponse:
    """Adds a network whose files have a format that is known; phones name it within a minute."""
    new = AgentNetwork(
        read_needed("code", 16), read_needed("shown", 40), read_choice("format", sorted(FORMATS))
    )
    with add_to(agent_network) as change:
        if not add_network(change, new):
            raise InvalidInput(what="code", why="taken")
    runtime().network_names.forget()
    return done("networks", "network_added")


@pages.post("/networks/other-amounts")
@may(Right.RUN_AGENTS)
def set_other_amounts() -> AnyResponse:
    """Lets the network send more or less than a bill, or not."""
    network = here().scope.network or read_needed("network", 16)
    allowed = read_choice("allowed", ("yes", "no")) == "yes"
    with act_on(agent_network, network) as change:
        allow_other_amounts(change, network, allowed)
    return done("networks", "other_amounts_allowed" if allowed else "other_amounts_refused")


@pages.post("/networks/clients")
@may(Right.RUN_AGENTS)
def add_client_here() -> Response:
    """Adds a client of the reader's network, and shows its keys once."""
    network = here().scope.network or read_needed("network", 16)
    identity = read_needed("identity", 32)
    if not re.fullmatch("[a-z][a-z0-9-]{2,31}", identity):
        raise InvalidInput(what="identity", why="no_client_id")
    maalem = runtime()
    key = draw_key(maalem.random)
    client = NewClient(
        identity,
        network,
        key,
        read_count("requests_a_minute", 1, _MOST) or 600,
        _read_limit(),
        _read_words("agencies") or None,
        _read_words("addresses") or None,
        request.form.get("polling") == "yes",
        _read_bills(BILLS_A_DAY),
        _read_words("hosts"),
        draw_signing_key(maalem.random, maalem.keys),
    )
    with add_to(api_client, network) as change:
        if not add_client(change, client):
            raise ClientTaken(client=identity)
    return _show_keys(identity, key)


@pages.get(_CLIENT)
@may(Right.SEE_AGENTS)
def client_page(identity: str) -> Response:
    with look() as connection:
        found = find_client_sheet(connection, own(api_client), identity)
    if found is None:
        raise NotFound
    return office_page("client.html", one=found, acts=_may_act() and found.revoked_at is None)


@pages.post(f"{_CLIENT}/keys")
@may(Right.RUN_AGENTS)
def renew_keys(identity: str) -> Response:
    """Gives a client other keys, shown once; the keys before work so many hours longer."""
    maalem = runtime()
    hours = timedelta(hours=read_count("keep_old", 0, _MOST_HOURS) or 0)
    key = draw_key(maalem.random)
    new = NewKeys(key, draw_signing_key(maalem.random, maalem.keys))
    with act_on(api_client, identity) as change:
        if not rotate_key(change, identity, new, hours, maalem.keys):
            raise ClientUnknown(client=identity)
    return _show_keys(identity, key)


@pages.post(f"{_CLIENT}/revoke")
@may(Right.RUN_AGENTS)
def revoke(identity: str) -> AnyResponse:
    with act_on(api_client, identity) as change:
        if not revoke_client(change, identity):
            raise ClientUnknown(client=identity)
    return done("client_page", "client_revoked", identity=identity)


@pages.post(f"{_CLIENT}/limits")
@may(Right.RUN_AGENTS)
def limit_client(identity: str) -> AnyResponse:
    bills = read_count("bills_a_day", 0, _MOST)
    if bills is None:
        raise InvalidInput(what="bills_a_day", why="empty")
    with act_on(api_client, identity) as change:
        if not change_bills_a_day(change, identity, bills):
            raise ClientUnknown(client=identity)
    return done("client_page", "client_changed", identity=identity)


@pages.post(f"{_CLIENT}/hosts")
@may(Right.RUN_AGENTS)
def change_hosts(identity: str) -> AnyResponse:
    """Sets the hosts at which a client is called back; an empty field is none."""
    hosts = _read_words("hosts")
    with act_on(api_client, identity) as change:
        if not change_callback_hosts(change, identity, hosts):
            raise ClientUnknown(client=identity)
    return done("client_page", "client_changed", identity=identity)


def _may_act() -> bool:
    return Right.RUN_AGENTS in RIGHTS[here().role]


def _read_words(name: str) -> list[str]:
    """Returns the words of a field, parted by blanks or commas."""
    return [word for word in _WORDS_IN_FIELD.split(read_text(name, 2000)) if word]


def _read_limit() -> Money | None:
    limit = read_amount("day_limit")
    if limit is not None and not limit:
        raise InvalidInput(what="day_limit", why="no_amount")
    return limit


def _read_bills(usual: int) -> int:
    bills = read_count("bills_a_day", 0, _MOST)
    return usual if bills is None else bills


def _show_keys(identity: str, key: SecretStr) -> Response:
    """Shows a client's keys, which cannot be read again."""
    maalem = runtime()
    with reading(maalem.office_database) as connection:
        client = find_client(connection, identity)
    assert client is not None
    signing = callback_key(maalem.keys, client)
    secrets = [
        ("office.networks.key", key),
        ("office.networks.signing_key", signing),
        ("office.networks.signing_key_id", SecretStr(name_signing_key(signing))),
    ]
    return show_once(
        "office.networks.keys_of", identity, secrets, None, ("client_page", {"identity": identity})
    )
