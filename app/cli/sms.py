"""`flask sms`: counts a text's segments, reports on messages, and stands in for providers."""

import json
import os
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
    """Counts the encoding, units and segments of TEXT, as phones count them, as JSON.

    TEXT `-` reads standard input, without the line's end that closes it.
    """
    if text == "-":
        text = _read_standard_input()
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise click.BadParameter("not UTF-8", param_hint="TEXT")
    counted = {"encoding": encoding_of(text), "units": units(text), "segments": segments(text)}
    click.echo(json.dumps(counted))


@sms.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def fake_provider(options: tuple[str, ...]) -> None:
    """Runs both providers' APIs on this machine, with faults on request; --help says more."""
    # In a process of its own: its server would cost every other start a fifth of a second.
    os.execv(sys.executable, [sys.executable, "-m", "app.sms.loopback", *options])  # noqa: S606


def _read_standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise click.BadParameter("not UTF-8", param_hint="TEXT") from None
