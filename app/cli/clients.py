"""`flask clients`: the agent networks' systems that may call the payments API."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click
from flask.cli import with_appcontext
from pydantic import SecretStr

from app.agents.callback_hosts import change_callback_hosts, read_host
from app.agents.clients import (
    BILLS_A_DAY,
    Client,
    NewClient,
    NewKeys,
    add_client,
    allow_other_amounts,
    change_bills_a_day,
    draw_key,
    find_client,
    list_clients,
    revoke_client,
    rotate_key,
)
from app.agents.models import agent_network, api_client
from app.agents.networks import DEFAULT_NETWORK
from app.agents.signing_keys import callback_key, draw_signing_key, name_signing_key
from app.base.clock import local
from app.base.counts import write_count
from app.base.database import reading
from app.base.keys import KeyUnknown
from app.base.money import Money
from app.cli.acting import BY, OwnRow, acting
from app.cli.options import DirhamsParam
from app.cli.tables import JSON, print_json, print_rows
from app.office.rights import Right
from app.runtime import runtime

_SIGNING_KEY_UNNAMED = (
    "the signing key of now names no SECRET_KEY, so it cannot be kept: `flask keys rotate` first"
)
_BILLS = click.IntRange(0, 1_000_000)
_LISTED = (
    *("client", "network", "requests_a_minute", "bills_a_day", "day_limit", "agencies", "answers"),
    *("called_back_at", "shut_out_at"),
)


@click.group()
def clients() -> None:
    """Systems of agent networks. A key is shown once, and stored as a digest."""


@clients.command()
@click.argument("name")
@click.option("--network", default=DEFAULT_NETWORK, show_default=True)
@click.option(
    "--requests-a-minute", default=600, show_default=True, type=click.IntRange(1, 1_000_000)
)
@click.option(
    "--bills-a-day",
    default=BILLS_A_DAY,
    show_default=True,
    type=_BILLS,
    help="most bills of a day that its look-ups make and nobody pays",
)
@click.option("--day-limit", type=DirhamsParam(Money(1)), help="what it may send in a day")
@click.option("--agency", "agencies", multiple=True, help="it speaks for these alone")
@click.option("--address", "addresses", multiple=True, help="it calls from these alone, as CIDR")
@click.option("--callback-host", "hosts", multiple=True, help="it is called back at these alone")
@click.option("--polling", is_flag=True, help="payments are polled unless a request says more")
@BY
@with_appcontext
def create(
    name: str,
    network: str,
    requests_a_minute: int,
    bills_a_day: int,
    day_limit: Money | None,
    agencies: tuple[str, ...],
    addresses: tuple[str, ...],
    hosts: tuple[str, ...],
    polling: bool,
    by: str | None,
) -> None:
    """Adds the client NAME, which is its X-Client-Id."""
    if not re.fullmatch("[a-z][a-z0-9-]{2,31}", name):
        raise click.BadParameter("3 to 32 small letters, digits and hyphens", param_hint="NAME")
    maalem = runtime()
    key = draw_key(maalem.random)
    limits = requests_a_minute, day_limit, agencies, addresses
    signing_key = draw_signing_key(maalem.random, maalem.keys)
    client = NewClient(name, network, key, *limits, polling, bills_a_day, hosts, signing_key)
    with acting(by, Right.RUN_AGENTS, rows=_name_client(name)) as change:
        added = add_client(change, client)
    if not added:
        raise click.ClickException(f"{name} is there already; `flask clients rotate` gives a key")
    _show(name, key)


@clients.command()
@click.argument("name")
@click.option("--keep-old", default=0, type=click.IntRange(0, 720), help="hours the old keys work")
@BY
@with_appcontext
def rotate(name: str, keep_old: int, by: str | None) -> None:
    """Gives the client NAME other keys, to call with and to check our callbacks with."""
    maalem = runtime()
    key, signing_key = draw_key(maalem.random), draw_signing_key(maalem.random, maalem.keys)
    with acting(by, Right.RUN_AGENTS, rows=_name_client(name)) as change:
        new, kept = NewKeys(key, signing_key), timedelta(hours=keep_old)
        try:
            known = rotate_key(change, name, new, kept, maalem.keys)
        except KeyUnknown:
            raise click.ClickException(_SIGNING_KEY_UNNAMED) from None
        if not known:
            raise click.ClickException(f"no client {name} that may call")
    _show(name, key)


@clients.command()
@click.argument("name")
@BY
@with_appcontext
def revoke(name: str, by: str | None) -> None:
    """Shuts the client NAME out, at once and for good."""
    with acting(by, Right.RUN_AGENTS, rows=_name_client(name)) as change:
        if not revoke_client(change, name):
            raise click.ClickException(f"no client {name} that may call")
    click.echo(f"{name} is shut out")


@clients.command("change")
@click.argument("name")
@click.option("--bills-a-day", type=_BILLS, help="from the next look-up on")
@click.option("--callback-host", "hosts", multiple=True, help="at these alone, in place of others")
@click.option("--no-callbacks", is_flag=True, help="at no host any more")
@BY
@with_appcontext
def change_command(
    name: str, bills_a_day: int | None, hosts: tuple[str, ...], no_callbacks: bool, by: str | None
) -> None:
    """Changes how many unpaid bills a day the client NAME may make, or where it is called back."""
    if (bills_a_day is None and not hosts and not no_callbacks) or (hosts and no_callbacks):
        raise click.UsageError("say --bills-a-day, and --callback-host or --no-callbacks")
    with acting(by, Right.RUN_AGENTS, rows=_name_client(name)) as change:
        known = bills_a_day is None or change_bills_a_day(change, name, bills_a_day)
        if hosts or no_callbacks:
            known = known and change_callback_hosts(change, name, hosts)
        if not known:
            raise click.ClickException(f"no client {name} that may call")
    if bills_a_day is not None:
        click.echo(f"{name}: {write_count(bills_a_day, 'bill')} a day")
    if hosts or no_callbacks:
        click.echo(f"{name}: called back at {' '.join(map(read_host, hosts)) or 'no host'}")


@clients.command("list")
@JSON
@with_appcontext
def list_command(as_json: bool) -> None:
    """Lists every client with its limits, without keys."""
    with reading(runtime().database) as connection:
        listed = [_describe(client, revoked_at) for client, revoked_at in list_clients(connection)]
    if as_json:
        print_json(listed)
        return
    headings = [name.replace("_", " ") for name in _LISTED]
    print_rows(headings, (tuple(map(_write_cell, one.values())) for one in listed))


def _name_client(name: str) -> tuple[OwnRow, ...]:
    return (OwnRow(api_client, name),)


def _describe(client: Client, revoked_at: datetime | None) -> dict[str, object]:
    shut_out = local(revoked_at).isoformat(timespec="minutes") if revoked_at else None
    most = str(client.day_limit) if client.day_limit else None
    limits = client.requests_a_minute, client.bills_a_day, most
    agencies, hosts = sorted(client.agencies or ()), sorted(client.callback_hosts)
    answers = "polling" if client.polling else "in step"
    values = (client.id, client.network, *limits, agencies, answers, hosts, shut_out)
    return dict(zip(_LISTED, values, strict=True))


def _write_cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


@clients.command("other-amounts")
@click.argument("network")
@click.argument("allowed", type=click.Choice(["yes", "no"]))
@BY
@with_appcontext
def other_amounts(network: str, allowed: str, by: str | None) -> None:
    """Lets NETWORK send more or less than a bill, or not: the rest waits in suspense as a break."""
    with acting(by, Right.RUN_AGENTS, rows=(OwnRow(agent_network, network),)) as change:
        if not allow_other_amounts(change, network, allowed == "yes"):
            raise click.ClickException(f"no network {network}")
    click.echo(f"{network}: other amounts {'allowed' if allowed == 'yes' else 'refused'}")


def _show(name: str, key: SecretStr) -> None:
    """Prints the client's keys, which cannot be read again."""
    with reading(runtime().database) as connection:
        client = find_client(connection, name)
    assert client is not None
    click.echo(f"X-Client-Id: {name}")
    click.echo(f"X-API-Key: {key.get_secret_value()}")
    signing = callback_key(runtime().keys, client)
    click.echo(f"callbacks are signed with: {signing.get_secret_value()}")
    click.echo(f"X-Key-Id: {name_signing_key(signing)}")
    click.echo("Note the keys now: they are not shown again.", err=True)
