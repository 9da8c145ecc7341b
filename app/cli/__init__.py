"""The command line: a file per noun. Reads arguments, opens transactions, prints; decides nothing.

To add a command: a function in its noun's file, and for a new noun a line below.
"""

from __future__ import annotations

from importlib import import_module
from inspect import getdoc

import click
from flask import Flask
from flask.cli import AppGroup

from app.base.errors import InvalidInput, MaalemError

_NOUNS = {
    "agents": "app.cli.agents",
    "assistance": "app.cli.desk",
    "breaks": "app.cli.breaks",
    "claims": "app.cli.desk",
    "clients": "app.cli.clients",
    "cnss": "app.cli.cnss",
    "contributions": "app.cli.contributions",
    "db": "app.cli.db",
    "dial": "app.cli.dial",
    "doctor": "app.cli.doctor",
    "funnel": "app.cli.funnel",
    "ledger": "app.cli.ledger",
    "menus": "app.cli.menus",
    "notices": "app.cli.notice_broadcasts",
    "registry": "app.cli.registry",
    "reminders": "app.cli.reminders",
    "serve": "app.cli.serve",
    "sms": "app.cli.sms",
    "talks": "app.cli.talks",
    "wafacash": "app.cli.wafacash",
    "worker": "app.jobs.command",
}


class _Nouns(AppGroup):
    """Reads a noun's file when the noun is asked for: a command does not wait for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_NOUNS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _NOUNS and cmd_name not in self.commands:
            command: click.Command = getattr(import_module(_NOUNS[cmd_name]), cmd_name)
            self.add_command(_telling_in_a_line(command))
        return super().get_command(ctx, cmd_name)


def register_commands(app: Flask) -> None:
    app.cli = _Nouns(name=app.name)


def _telling_in_a_line(command: click.Command) -> click.Command:
    """A refusal of ours ends a command with its words, not with a trace."""
    invoke = command.invoke

    def told(context: click.Context) -> object:
        try:
            return invoke(context)
        except MaalemError as error:
            raise click.ClickException(_in_words(error)) from None

    command.invoke = told  # type: ignore[assignment]
    return command


def _in_words(error: MaalemError) -> str:
    """What our own page of the error says of it, for who reads no code; then its code."""
    if isinstance(error, InvalidInput):
        return "{what}: {why}".format(**error.params)
    said = " ".join((getdoc(type(error)) or "").partition("\n\n")[0].split())
    return f"{said} [{error}]".lstrip()
