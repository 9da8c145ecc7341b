"""The command line: a file per noun. Reads arguments, opens transactions, prints; decides nothing.

To add a command: a function in its noun's file, and for a new noun a line below.
"""

from __future__ import annotations

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup

from app.base.errors import MaalemError
from app.cli.refusals import describe

_NOUNS = {
    "agents": "app.cli.agents",
    "assistance": "app.cli.assistance",
    "audit": "app.cli.audit",
    "breaks": "app.cli.breaks",
    "claims": "app.cli.claims",
    "clients": "app.cli.clients",
    "cnss": "app.cli.cnss",
    "contributions": "app.cli.contributions",
    "db": "app.cli.db",
    "dial": "app.cli.dial",
    "doctor": "app.cli.doctor",
    "funnel": "app.cli.funnel",
    "keys": "app.cli.keys",
    "ledger": "app.cli.ledger",
    "menus": "app.cli.menus",
    "networks": "app.cli.networks",
    "notices": "app.cli.notice_broadcasts",
    "office": "app.cli.office",
    "people": "app.cli.people",
    "registry": "app.cli.registry",
    "reminders": "app.cli.reminders",
    "reversals": "app.cli.reversals",
    "serve": "app.cli.serve",
    "settings": "app.cli.settings",
    "sms": "app.cli.sms",
    "talks": "app.cli.talks",
    "wafacash": "app.cli.networks",
    "worker": "app.jobs.command",
}


class _Nouns(AppGroup):
    """Imports a noun's file only when the noun is used: no command waits for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_NOUNS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _NOUNS and cmd_name not in self.commands:
            command: click.Command = getattr(import_module(_NOUNS[cmd_name]), cmd_name)
            self.add_command(_report_refusals(command))
        return super().get_command(ctx, cmd_name)


def register_commands(app: Flask) -> None:
    app.cli = _Nouns(name=app.name)


def refuse_development_server(*, production: bool) -> None:
    """Raises: ClickException where `flask run` would serve a production: it bounds no request."""
    context = click.get_current_context(silent=True)
    if production and context and context.info_name == "run":
        raise click.ClickException(
            "flask run is for development; docs/operations.md says how production is served"
        )


def _report_refusals(command: click.Command) -> click.Command:
    """Makes a refusal end the command with its words, not with a trace."""
    invoke = command.invoke

    def invoke_and_report(context: click.Context) -> object:
        try:
            return invoke(context)
        except MaalemError as error:
            raise click.ClickException(describe(error)) from None

    command.invoke = invoke_and_report  # type: ignore[assignment]
    return command
