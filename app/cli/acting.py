"""Who acts: signs a user of the office in before a command changes money, people or agents.

The secret is asked on the terminal, or read from MAALEM_OPERATOR_SECRET. In development, with
--by left out, it is the sample user `office`. In production nobody acts who is not signed in.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
import psutil
from pydantic import SecretStr

from app.base.errors import MaalemError
from app.base.operation import Operation, operation
from app.office.errors import PasswordToChange, RoleMayNotAct, SignInPaused, SignInRefused
from app.office.rules import READING_ROLES
from app.office.samples import SAMPLE_USER, SAMPLE_USERS
from app.office.service import add_sample_user
from app.office.sign_in import OfficeUser, sign_in_office_user, take_seat
from app.runtime import runtime

SECRET_VARIABLE = "MAALEM_OPERATOR_SECRET"  # noqa: S105 - the name of a variable

# The option of every command that changes money, people or agents.
BY = click.option(
    "--by",
    metavar="NAME",
    help=f"who acts; the secret is asked, or read from {SECRET_VARIABLE}",
)


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """Somebody who acts at a command, and the terminal of it."""

    name: str
    seat: str


@contextmanager
def acting(by: str | None, roles: Collection[str] | None = None) -> Iterator[Operation]:
    """Signs in who acts, and opens a transaction for one change in that name.

    `roles` are those that may do it; None is every role that acts at all. The command ends with
    one line if nobody is signed in.
    """
    actor = sign_in_actor(by, roles)
    with operation_of(actor) as change:
        yield change


@contextmanager
def operation_of(actor: SignedInUser) -> Iterator[Operation]:
    """Opens a transaction for one change by somebody who is signed in."""
    maalem = runtime()
    with operation(maalem.database, maalem.clock(), actor.name, actor.seat) as change:
        yield change


def sign_in_actor(by: str | None, roles: Collection[str] | None = None) -> SignedInUser:
    """Returns who acts, signed in.

    Raises: SignInRefused, SignInPaused, PasswordToChange, RoleMayNotAct.
    """
    seat = find_seat()
    if by is None:
        return _sign_in_sample_user(seat)
    user = _sign_in(by, ask_secret(by), seat)
    may = user.role not in READING_ROLES if roles is None else user.role in {*roles, "office"}
    if not may:
        raise RoleMayNotAct(role=user.role)
    return SignedInUser(user.name, seat)


def ask_secret(name: str, variable: str = SECRET_VARIABLE, what: str = "secret") -> SecretStr:
    """Returns a secret of the environment, else one typed on the terminal."""
    if given := os.environ.get(variable):
        return SecretStr(given)
    if not _is_terminal(0):
        raise click.ClickException(
            f"the {what} of {name}: set {variable}, or type it on a terminal"
        )
    return SecretStr(click.prompt(f"{what} of {name}", hide_input=True, err=True))


def find_seat() -> str:
    """Returns a digest that names the terminal's session; empty if there is no terminal."""
    if not any(map(_is_terminal, (0, 1, 2))):
        return ""
    session = os.getsid(0)
    try:
        began = psutil.Process(session).create_time()
    except psutil.Error:
        began = 0.0
    return hashlib.sha256(f"{socket.gethostname()}:{session}:{began}".encode()).hexdigest()


def _sign_in_sample_user(seat: str) -> SignedInUser:
    maalem = runtime()
    if maalem.settings.production:
        raise click.ClickException("who acts? --by NAME, of `flask office list`")
    with operation(maalem.database, maalem.clock(), SAMPLE_USER, seat) as change:
        add_sample_user(change, SAMPLE_USER)
        take_seat(change, SAMPLE_USER)
    return SignedInUser(SAMPLE_USER, seat)


def _sign_in(by: str, secret: SecretStr, seat: str) -> OfficeUser:
    """Signs a user in; what was counted against a wrong secret is kept."""
    maalem = runtime()
    refusal: MaalemError
    with operation(maalem.database, maalem.clock(), by, seat) as change:
        if by in SAMPLE_USERS and not maalem.settings.production:
            add_sample_user(change, by)
        try:
            user = sign_in_office_user(change, by, secret)
        except (SignInRefused, SignInPaused, PasswordToChange) as refused:
            refusal = refused
        else:
            if not (user.sample and maalem.settings.production):
                return user
            refusal = SignInRefused(by=by)
    raise refusal


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
