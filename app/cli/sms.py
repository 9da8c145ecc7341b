"""`flask sms`: what a text costs, and what messages did."""

import json
import sys

import click

from app.cli.sms_report import report
from app.text.encoding import encoding_of, segments, units


@click.group()
def sms() -> None:
    """Messages."""


sms.add_command(report)


@sms.command(context_settings={"ignore_unknown_options": True})
@click.argument("text")
def count(text: str) -> None:
    """The encoding, units and segments of TEXT, as phones count them, as JSON.

    TEXT `-` reads standard input, without the line's end that closes it.
    """
    if text == "-":
        text = _from_standard_input()
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise click.BadParameter("not UTF-8", param_hint="TEXT")
    counted = {"encoding": encoding_of(text), "units": units(text), "segments": segments(text)}
    click.echo(json.dumps(counted))


def _from_standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise click.BadParameter("not UTF-8", param_hint="TEXT") from None
