"""`flask settings`: what this process was told, without a secret."""

from __future__ import annotations

import re

import click
from flask.cli import with_appcontext
from pydantic import SecretStr

from app.runtime import runtime
from app.settings import Settings

# What an address shows: no user, no password, no options.
_SHOWN_ADDRESS = re.compile(r"([a-z+]+://)(?:[^@/?#]*@)?([^@?#]*)(?:[?#][^@]*)?")


@click.command()
@with_appcontext
def settings() -> None:
    """Shows every setting with its value; of a secret only whether it is set."""
    given = runtime().settings
    for name, field in Settings.model_fields.items():
        mark = "*" if name in given.model_fields_set else " "
        click.echo(f"{mark} {name.upper()}={_show(getattr(given, name))}  # {field.description}")
    click.echo("* set by the environment; the others are as shipped")


def _show(value: object) -> str:
    """Returns a value in words: a secret, and an address that may hold one, is `***`."""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, dict):
        return ";".join(f"{name}={_show(each)}" for name, each in value.items())
    if isinstance(value, tuple | list):
        return ",".join(map(_show, value))
    shown = "" if value is None else str(value)
    if "://" not in shown:
        return shown
    address = _SHOWN_ADDRESS.fullmatch(shown)
    return f"{address[1]}{address[2]}" if address else "***"
