"""Commands run by people of the office, each added when first named, with a secret of its own."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

from click.testing import Result
from flask import Flask
from pydantic import SecretStr
from pyotp import TOTP
from sqlalchemy import select, update

from app.base.errors import InvalidInput
from app.base.operation import operation
from app.cli.acting import SECRET_VARIABLE
from app.office.authenticators import begin_authenticator, enrol_authenticator
from app.office.models import office_user
from app.office.rules import OfficeScope, name_key
from app.office.service import NewOfficeUser, add_office_user, change_password
from app.runtime import Runtime


def secret_of(name: str) -> str:
    """The secret of a test's person, the same for every spelling of the name."""
    return f"tiles-{sha256(name_key(name).encode()).hexdigest()[:12]}"


def add_person(runtime: Runtime, name: str, role: str = "operator", **scope: str) -> None:
    """Adds a user whose password is chosen already, unless the name is somebody's."""
    first, own = SecretStr("mint-tea-and-bread"), SecretStr(secret_of(name))
    with operation(runtime.database, runtime.clock(), "office") as change:
        known = select(office_user.c.name).where(office_user.c.name_key == name_key(name))
        if change.connection.execute(known).scalar() is None:
            new = NewOfficeUser(name, role, OfficeScope(**scope), first)
            change_password(change, add_office_user(change, new), first, own)


def enrol_app(runtime: Runtime, name: str) -> str:
    """Enrols an authenticator app for a user, and returns its secret."""
    with operation(runtime.database, runtime.clock(), name) as change:
        secret = begin_authenticator(change, runtime.keys, name)
        assert enrol_authenticator(change, runtime.keys, name, code_of(runtime, secret))
    return secret


def code_of(runtime: Runtime, secret: str, steps: int = 0) -> str:
    """The code that an authenticator app shows, so many steps of 30 s from now."""
    return TOTP(secret).at(int(runtime.clock().timestamp()) + 30 * steps)


def _add_office_person(runtime: Runtime, name: str) -> None:
    """Adds a person of development's role, who may give every command: rights are tried apart."""
    add_person(runtime, name)
    with runtime.database.begin() as connection:
        own, every = office_user.c.name_key == name_key(name), {"role": "office", "sample": True}
        connection.execute(update(office_user).where(own).values(**every))


def run_command(app: Flask, *command: object) -> Result:
    """Runs a command; whoever stands after --by exists and has typed the right secret."""
    words = [str(word) for word in command]
    env = {}
    if "--by" in words[:-1]:
        name = words[words.index("--by") + 1]
        with suppress(InvalidInput):  # the command says so itself
            _add_office_person(app.extensions["maalem"], name)
        env = {SECRET_VARIABLE: secret_of(name)}
    return app.test_cli_runner().invoke(args=words, env=env)
