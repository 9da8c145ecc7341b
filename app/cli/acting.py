"""Who acts: signs a user of the office in before a command changes money, people or agents.

The secret is asked on the terminal, or read from MAALEM_OPERATOR_SECRET; so is the code of a second
factor (MAALEM_OPERATOR_CODE), where one is enrolled and always in production. The rights are those
of the pages, and so are the rows: an act on a row is one on a row of the user's region or network.
In development, with --by left out, it is the sample user `office`.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import click
import psutil
from pydantic import SecretStr
from sqlalchemy import Column, ColumnElement, Connection, Table, select

from app.base.errors import MaalemError
from app.base.operation import Operation, operation
from app.office.errors import (
    NoFactorEnrolled,
    NotOfScope,
    PasswordToChange,
    RoleMayNotAct,
    SignInPaused,
    SignInRefused,
)
from app.office.factors import list_factors, use_typed_code
from app.office.rights import RIGHTS, Right
from app.office.rules import OfficeScope
from app.office.samples import SAMPLE_USER, SAMPLE_USERS
from app.office.scopes import own_rows
from app.office.service import add_sample_user
from app.office.sign_in import (
    OfficeUser,
    check_command_secret,
    check_factor,
    clear_wrong_secrets,
    is_factor_known,
    take_seat,
)
from app.runtime import runtime
from app.wall import Sight, hold, sees, stand_behind, step_out

T = TypeVar("T")
SECRET_VARIABLE = "MAALEM_OPERATOR_SECRET"  # noqa: S105 - the name of a variable
CODE_VARIABLE = "MAALEM_OPERATOR_CODE"
_CODE = "code of the authenticator app, or a recovery code,"

# The option of every command that changes money, people or agents.
BY = click.option(
    "--by",
    metavar="NAME",
    help=f"who acts; secret and code are asked, or read from {SECRET_VARIABLE}, {CODE_VARIABLE}",
)


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """Somebody who acts at a command, and the terminal of it."""

    name: str
    seat: str
    role: str
    scope: OfficeScope

    def own(self, table: Table) -> ColumnElement[bool]:
        """Selects the table's rows in the user's scope."""
        return own_rows(self.role, self.scope, table)


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A row that has to be of the user's scope, by its primary key or a `column` that is unique."""

    table: Table
    key: Any
    column: Column[Any] | None = None
    # Only looked at, and not locked: long work on it keeps nobody waiting.
    only_seen: bool = False


@contextmanager
def acting(by: str | None, *rights: Right, rows: tuple[OwnRow, ...] = ()) -> Iterator[Operation]:
    """Signs in who acts, and opens a transaction for one change in that name.

    One of the rights is needed. The rows are the user's own before the change and after it, if
    there are such rows. The command ends with one line if nobody is signed in.
    """
    actor = sign_in_actor(by, *rights)
    with operation_of(actor) as change:
        check_own_rows(change.connection, actor, rows)
        yield change
        check_own_rows(change.connection, actor, rows)


@contextmanager
def operation_of(actor: SignedInUser) -> Iterator[Operation]:
    """Opens a transaction for one change by somebody who is signed in."""
    maalem = runtime()
    # Messages of this change are in the words that are live.
    maalem.follow_menus()
    with operation(maalem.database, maalem.clock(), actor.name, actor.seat) as change:
        yield change


def check_own_rows(connection: Connection, actor: SignedInUser, rows: tuple[OwnRow, ...]) -> None:
    """Refuses rows that are there, and not this user's. Raises: NotOfScope."""
    for row in rows:
        if not is_own(connection, actor, row) and _is_there(connection, row):
            raise NotOfScope(what=f"{row.table.name} {row.key}")


def is_own(connection: Connection, actor: SignedInUser, row: OwnRow) -> bool:
    """True if the wall and the user's scope both show the row, and let it be acted on."""
    scope, asked = actor.scope, sees if row.only_seen else hold
    moment = runtime().clock()
    sight = Sight(actor.name, actor.role, scope.region, scope.network, scope.desk, moment)
    stand_behind(connection, sight)
    own = asked(connection, row.table, row.key, row.column, actor.own(row.table))
    step_out(connection)
    return own


def sign_in_actor(by: str | None, *rights: Right) -> SignedInUser:
    """Returns who acts, signed in, with one of the rights.

    Raises: SignInRefused, SignInPaused, PasswordToChange, NoFactorEnrolled, RoleMayNotAct.
    """
    seat = find_seat()
    if by is None:
        return _sign_in_sample_user(seat)
    user = _sign_in(by, ask_secret(by), seat)
    if not RIGHTS[user.role] & {*rights}:
        raise RoleMayNotAct(role=user.role)
    return SignedInUser(user.name, seat, user.role, user.scope)


def sign_in_to_change_password(name: str, old: SecretStr) -> None:
    """Signs in who changes the own password, for which the one-time one is good.

    Raises: SignInRefused, SignInPaused.
    """
    _sign_in(name, old, find_seat(), to_change=True)


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
    return SignedInUser(SAMPLE_USER, seat, SAMPLE_USER, OfficeScope())


def _sign_in(by: str, secret: SecretStr, seat: str, *, to_change: bool = False) -> OfficeUser:
    """Signs a user in by the secret, then by a code if it takes one."""
    check = partial(_check_secret, by=by, secret=secret, to_change=to_change)
    user, needs_code = _keep_count(by, seat, check)
    if needs_code:
        code = ask_secret(user.name, CODE_VARIABLE, _CODE).get_secret_value()
        _keep_count(by, seat, partial(_check_code, name=user.name, code=code))
    return user


def _check_secret(
    change: Operation, by: str, secret: SecretStr, *, to_change: bool
) -> tuple[OfficeUser, bool]:
    """Returns the user, and whether a code is needed.

    Raises: SignInRefused, SignInPaused, PasswordToChange, NoFactorEnrolled.
    """
    production = runtime().settings.production
    if by in SAMPLE_USERS and not production:
        add_sample_user(change, by)
    user = check_command_secret(change, by, secret)
    if user.sample and production:
        raise SignInRefused(by=by)
    if user.has_one_time_password and not to_change:
        raise PasswordToChange(name=user.name)
    enrolled = list_factors(change.connection, user.name).any
    if production and not enrolled and not to_change:
        raise NoFactorEnrolled(name=user.name)
    if enrolled and not is_factor_known(change, user.name):
        return user, True
    clear_wrong_secrets(change, user.name)
    take_seat(change, user.name)
    return user, False


def _check_code(change: Operation, name: str, code: str) -> None:
    """Raises: SignInRefused, SignInPaused."""
    check_factor(change, name, partial(use_typed_code, change, runtime().keys, name, code))
    take_seat(change, name, with_factor=True)


def _keep_count(by: str, seat: str, check: Callable[[Operation], T]) -> T:
    """Returns what a check returns; what it counted against a wrong secret or code is kept."""
    maalem = runtime()
    refusal: MaalemError
    with operation(maalem.database, maalem.clock(), by, seat) as change:
        try:
            return check(change)
        except (SignInRefused, SignInPaused, PasswordToChange, NoFactorEnrolled) as refused:
            refusal = refused
    raise refusal


def _is_there(connection: Connection, row: OwnRow) -> bool:
    column = next(iter(row.table.primary_key.columns)) if row.column is None else row.column
    return connection.execute(select(column).where(column == row.key)).first() is not None


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
