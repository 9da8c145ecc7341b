"""The command line: a file per noun. Reads arguments, opens transactions, prints; decides nothing.

To add a command: a function in its noun's file, and for a new noun a line below.
"""

from __future__ import annotations

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from app.base.errors import MaalemError
from app.cli.refusals import describe

# The commands of each kind of user, with the file that each is in.
_USERS = {
    "Operators, on call": {
        "serve": "app.cli.serve",
        "worker": "app.jobs.command",
        "exporter": "app.cli.exporter",
        "metrics": "app.cli.metrics",
        "doctor": "app.cli.doctor",
        "settings": "app.cli.settings",
        "db": "app.cli.db",
        "backup": "app.cli.backup",
        "keys": "app.cli.keys",
        "office": "app.cli.office",
        "audit": "app.cli.audit",
    },
    "Help desk": {
        "people": "app.cli.people",
        "assistance": "app.cli.assistance",
        "claims": "app.cli.claims",
    },
    "Register and CNSS": {
        "registry": "app.cli.registry",
        "cnss": "app.cli.cnss",
    },
    "Agent networks": {
        "networks": "app.cli.networks",
        "wafacash": "app.cli.networks",
        "agents": "app.cli.agents",
        "clients": "app.cli.clients",
    },
    "Money": {
        "contributions": "app.cli.contributions",
        "ledger": "app.cli.ledger",
        "breaks": "app.cli.breaks",
        "reversals": "app.cli.reversals",
    },
    "Figures": {
        "figures": "app.cli.figures",
    },
    "Messages": {
        "reminders": "app.cli.reminders",
        "notices": "app.cli.notice_broadcasts",
        "sms": "app.cli.sms",
    },
    "Menus and talks": {
        "menus": "app.cli.menu_versions",
        "dial": "app.cli.dial",
        "talks": "app.cli.talks",
        "funnel": "app.cli.funnel",
    },
}
_LONGEST_SHORT_HELP = 300
_NOUNS = {name: file for commands in _USERS.values() for name, file in commands.items()}
_HELP = """Maalem: health insurance contributions of artisans, by phone, SMS and till.

Each command says more with --help; what it shows is JSON with --json. docs/operations.md has the
daily work, and how a shell completes these names.
"""


class _Nouns(AppGroup):
    """Imports a noun's file only when the noun is used: no command waits for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        if isinstance(ctx.command, FlaskGroup) and not ctx.resilient_parsing:
            # `flask --help` asks for names in the midst of a page that speaks of Flask alone.
            click.echo(self._write_help(ctx))
            raise SystemExit(0)
        return sorted({*super().list_commands(ctx), *_NOUNS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _NOUNS and cmd_name not in self.commands:
            command: click.Command = getattr(import_module(_NOUNS[cmd_name]), cmd_name)
            self.add_command(_report_refusals(_describe_whole(command)))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands by who uses them, in the order of a working day."""
        for users, nouns in _USERS.items():
            named = [(noun, self.get_command(ctx, noun)) for noun in nouns]
            with formatter.section(users):
                formatter.write_dl(
                    [
                        (noun, command.get_short_help_str(_LONGEST_SHORT_HELP))
                        for noun, command in named
                        if command
                    ]
                )

    def _write_help(self, ctx: click.Context) -> str:
        formatter = ctx.make_formatter()
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_commands(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Flask's own: run, shell and routes, for developers.")
        return formatter.getvalue().rstrip("\n")


def register_commands(app: Flask) -> None:
    app.cli = _Nouns(name=app.name, help=_HELP)


def refuse_development_server(*, production: bool) -> None:
    """Raises: ClickException where `flask run` would serve a production: it bounds no request."""
    context = click.get_current_context(silent=True)
    if production and context and context.info_name == "run":
        raise click.ClickException(
            "flask run is for development; docs/operations.md says how production is served"
        )


def _describe_whole(command: click.Command) -> click.Command:
    """Makes a group's help list its commands with whole sentences; click cuts them."""
    if isinstance(command, click.Group):
        for member in map(_describe_whole, command.commands.values()):
            member.short_help = member.get_short_help_str(_LONGEST_SHORT_HELP)
    return command


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
