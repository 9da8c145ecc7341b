"""`flask office`: who works at the office. A one-time password is shown once."""

from __future__ import annotations

import dataclasses

import click
from flask.cli import with_appcontext
from pydantic import SecretStr

from app.base.clock import local
from app.base.database import reading
from app.base.errors import MaalemError
from app.base.operation import operation
from app.cli.acting import (
    BY,
    SignedInUser,
    ask_secret,
    find_seat,
    operation_of,
    sign_in_actor,
    sign_in_to_change_password,
)
from app.cli.options import REGION
from app.cli.tables import JSON, print_json, print_rows
from app.office.errors import SignInPaused, SignInRefused
from app.office.factors import remove_all_factors
from app.office.identities import tie_identity, untie_identity
from app.office.models import ROLES
from app.office.queries import ListedUser, has_office_users, list_office_users
from app.office.rights import Right
from app.office.rules import OfficeScope, draw_password
from app.office.service import (
    ONE_TIME_FOR,
    NewOfficeUser,
    add_office_user,
    change_office_user,
    change_password,
    dismiss_office_user,
    reset_office_user,
)
from app.runtime import runtime

NEW_SECRET_VARIABLE = "MAALEM_OPERATOR_NEW_SECRET"  # noqa: S105 - the name of a variable
# Who adds the first user, when nobody works here yet.
_INSTALLATION = "installation"


@click.group()
def office() -> None:
    """People of the office: whoever changes money, people or agents signs in."""


@office.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES[:-1]))
@REGION
@click.option("--network", help="of the role wafacash: whose agents it looks after")
@click.option("--desk", help="where the person sits, for whoever reads the list")
@BY
@with_appcontext
def add_command(
    name: str,
    role: str,
    region: str | None,
    network: str | None,
    desk: str | None,
    by: str | None,
) -> None:
    """Adds NAME, and shows the one-time password that NAME changes before acting."""
    password = SecretStr(draw_password(runtime().random))
    new = NewOfficeUser(name, role, OfficeScope(region, network, desk), password)
    with operation_of(_find_keeper(by, role)) as change:
        kept = add_office_user(change, new)
    _show_password(kept, password)


@office.command("list")
@JSON
@with_appcontext
def list_command(as_json: bool) -> None:
    """Lists who works here and who did."""
    with reading(runtime().database) as connection:
        users = list_office_users(connection)
    if as_json:
        print_json([dataclasses.asdict(user) for user in users])
        return
    print_rows(
        ("name", "role", "for", "state", "since"),
        (
            (
                user.name,
                user.role,
                user.region or user.network or user.desk or "",
                _say_state(user),
                f"{local(user.created_at):%d/%m/%Y}",
            )
            for user in users
        ),
        prose=("for", "state"),
    )


@office.command("dismiss")
@click.argument("name")
@BY
@with_appcontext
def dismiss_command(name: str, by: str | None) -> None:
    """Dismisses NAME at once and for good."""
    with operation_of(sign_in_actor(by, Right.RUN_USERS)) as change:
        kept = dismiss_office_user(change, name)
    click.echo(f"{kept} is dismissed")


@office.command("reset")
@click.argument("name")
@BY
@with_appcontext
def reset_command(name: str, by: str | None) -> None:
    """Gives NAME a new one-time password."""
    password = SecretStr(draw_password(runtime().random))
    with operation_of(sign_in_actor(by, Right.RUN_USERS)) as change:
        kept = reset_office_user(change, name, password)
    _show_password(kept, password)


@office.command("change")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES[:-1]))
@click.option("--region", help="a chamber's, as the register writes it")
@click.option("--network", help="of the role wafacash: whose agents it looks after")
@click.option("--desk", help="the desk whose requests the person sees")
@BY
@with_appcontext
def change_command(
    name: str,
    role: str,
    region: str | None,
    network: str | None,
    desk: str | None,
    by: str | None,
) -> None:
    """Gives NAME another role or scope; what NAME had open at the pages ends."""
    with operation_of(sign_in_actor(by, Right.RUN_USERS)) as change:
        kept = change_office_user(change, name, role, OfficeScope(region, network, desk))
    click.echo(f"{kept} is {role} now, and signs in again")


@office.command("remove-factors")
@click.argument("name")
@BY
@with_appcontext
def remove_factors_command(name: str, by: str | None) -> None:
    """Removes the second factors of NAME, who lost them and enrols another one."""
    with operation_of(sign_in_actor(by, Right.RUN_USERS)) as change:
        kept = remove_all_factors(change, name)
    click.echo(f"{kept} has no second factor now, and signs in again")


@office.command("tie-identity")
@click.argument("name")
@click.argument("subject")
@BY
@with_appcontext
def tie_identity_command(name: str, subject: str, by: str | None) -> None:
    """Lets NAME sign in as SUBJECT (the claim `sub`) of the provider at OIDC_ISSUER."""
    issuer = runtime().settings.oidc_issuer
    if not issuer:
        raise click.ClickException("no provider of identities: OIDC_ISSUER is not set")
    with operation_of(sign_in_actor(by, Right.RUN_USERS)) as change:
        kept = tie_identity(change, name, issuer, subject)
    click.echo(f"{kept} may sign in by {issuer}")


@office.command("untie-identity")
@click.argument("name")
@BY
@with_appcontext
def untie_identity_command(name: str, by: str | None) -> None:
    """Lets NAME sign in by the password alone, and by no provider of identities."""
    with operation_of(sign_in_actor(by, Right.RUN_USERS)) as change:
        kept = untie_identity(change, name)
    click.echo(f"{kept} signs in by password now")


@office.command("password")
@click.argument("name")
@with_appcontext
def password_command(name: str) -> None:
    """Changes the password of NAME, who types the old one and a new one."""
    old = ask_secret(name)
    sign_in_to_change_password(name, old)
    new = ask_secret(name, NEW_SECRET_VARIABLE, "new password")
    maalem = runtime()
    refusal: MaalemError
    with operation(maalem.database, maalem.clock(), name, find_seat()) as change:
        try:
            kept = change_password(change, name, old, new)
        except (SignInRefused, SignInPaused) as refused:
            refusal = refused
        else:
            click.echo(f"{kept} has another password")
            return
    raise refusal


def _find_keeper(by: str | None, role: str) -> SignedInUser:
    """Returns who adds a user. The first one ever, an operator, is added by the installation."""
    maalem = runtime()
    if by is None and maalem.settings.production and role == "operator":
        with reading(maalem.database) as connection:
            if not has_office_users(connection):
                return SignedInUser(_INSTALLATION, find_seat(), role, OfficeScope())
    return sign_in_actor(by, Right.RUN_USERS)


def _say_state(user: ListedUser) -> str:
    if user.dismissed_at:
        return "dismissed"
    if user.one_time_until:
        return "has a one-time password"
    return "sample" if user.sample else ""


def _show_password(name: str, password: SecretStr) -> None:
    good = f"good for {ONE_TIME_FOR.days} days"
    click.echo(f"{name}: one-time password {password.get_secret_value()}, {good}")
    click.echo(f"{name} changes it before acting: flask office password {name}", err=True)
