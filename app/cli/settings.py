"""`flask settings`: what this process was told, without a secret; and the page docs/settings.md."""

from __future__ import annotations

import re
from textwrap import wrap

import click
from flask.cli import with_appcontext
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.cli.tables import JSON, print_json
from app.runtime import runtime
from app.settings import ROOT, Settings

# What an address shows: no user, no password, no options.
_SHOWN_ADDRESS = re.compile(r"([a-z+]+://)(?:[^@/?#]*@)?([^@?#]*)(?:[?#][^@]*)?")
# Production starts with none of them missing, beside those of the SMS providers in use.
_PRODUCTION = (
    *("APP_ENV", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "CALLBACK_TOKEN", "PUBLIC_URL"),
    *("SMS_PROVIDERS", "METRICS_TOKEN", "TRUSTED_PROXIES"),
)
_EXAMPLE_HEAD = """\
# Settings of an installation, for systemd's EnvironmentFile and for containers: fill in what is not
# behind a #. Not named .env: such a file would be read by commands and not by the web server.
# Made by `flask settings --env > .env.example`.
"""
_PAGE_HEAD = """\
# Settings

Environment variables, each as it is shipped; [Operations](operations.md#settings) says what
production asks of them. Made by `flask settings --page > docs/settings.md`.

| Setting | As shipped | What it says |
|---|---|---|
"""


@click.command()
@click.option("--page", is_flag=True, help="the page docs/settings.md: every setting as shipped")
@click.option("--env", is_flag=True, help="the file .env.example: every setting as shipped")
@JSON
@with_appcontext
def settings(page: bool, env: bool, as_json: bool) -> None:
    """Shows every setting with its value; of a secret only whether it is set."""
    if env:
        click.echo(write_example(), nl=False)
        return
    if page:
        click.echo(write_page(), nl=False)
        return
    given = runtime().settings
    shown = {name.upper(): _show(getattr(given, name)) for name in Settings.model_fields}
    if as_json:
        print_json(
            [
                {"name": name, "value": value, "set": name.lower() in given.model_fields_set}
                for name, value in shown.items()
            ]
        )
        return
    for name, field in Settings.model_fields.items():
        mark = "*" if name in given.model_fields_set else " "
        click.echo(f"{mark} {name.upper()}={shown[name.upper()]}  # {field.description}")
    click.echo("* set by the environment; the others are as shipped")


def write_example() -> str:
    """Returns the file .env.example, as systemd and containers read it."""
    lines = []
    for name, field in Settings.model_fields.items():
        needed = "" if name.upper() in _PRODUCTION else "# "
        shipped = "" if needed == "" else _show_default(field).strip("`")
        shown = "" if isinstance(field.default, SecretStr) else shipped
        says = "\n".join(
            wrap(field.description or "", 98, initial_indent="# ", subsequent_indent="# ")
        )
        lines.append(f"\n{says}\n{needed}{name.upper()}={shown}\n")
    return _EXAMPLE_HEAD + "".join(lines)


def write_page() -> str:
    """Returns the page docs/settings.md."""
    rows = (
        f"| `{name.upper()}` | {_show_default(field)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )
    return _PAGE_HEAD + "".join(rows)


def _show_default(field: FieldInfo) -> str:
    shipped = field.default
    if isinstance(shipped, SecretStr):
        return "a secret for development" if shipped.get_secret_value() else ""
    if isinstance(shipped, bool):
        return "`true`" if shipped else "`false`"
    shown = _show(shipped).replace(f"{ROOT}/", "")
    return f"`{shown}`" if shown else ""


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
