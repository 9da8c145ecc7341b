"""The command line: a file per noun. Reads arguments, opens transactions, prints; decides nothing.

To add a command: a function in its noun's file, and for a new noun a line below.
"""

import click
from flask import Flask

from app.base.errors import MaalemError
from app.cli import broadcasts  # noqa: F401 - adds to `flask notices`
from app.cli.agents import agents
from app.cli.breaks import breaks
from app.cli.clients import clients
from app.cli.cnss import cnss
from app.cli.contributions import contributions
from app.cli.db import db
from app.cli.desk import assistance, claims, notices
from app.cli.dial import dial
from app.cli.doctor import doctor
from app.cli.funnel import funnel
from app.cli.ledger import ledger
from app.cli.menus import menus
from app.cli.registry import registry
from app.cli.reminders import reminders
from app.cli.serve import serve
from app.cli.sms import sms
from app.cli.talks import talks
from app.cli.wafacash import wafacash


def register_commands(app: Flask) -> None:
    for command in (
        agents,
        assistance,
        breaks,
        claims,
        clients,
        cnss,
        contributions,
        db,
        dial,
        doctor,
        funnel,
        ledger,
        menus,
        notices,
        registry,
        reminders,
        serve,
        sms,
        talks,
        wafacash,
    ):
        app.cli.add_command(_telling_in_a_line(command))


def _telling_in_a_line(command: click.Command) -> click.Command:
    """A refusal of ours ends a command with its words, not with a trace."""
    invoke = command.invoke

    def told(context: click.Context) -> object:
        try:
            return invoke(context)
        except MaalemError as error:
            raise click.ClickException(str(error)) from None

    command.invoke = told  # type: ignore[assignment]
    return command
