"""`flask sms`: what a text costs."""

import json

import click

from app.text.encoding import encoding_of, segments, units


@click.group()
def sms() -> None:
    """Messages."""


@sms.command()
@click.argument("text")
def count(text: str) -> None:
    """The encoding, units and segments of TEXT, as phones count them, as JSON."""
    counted = {"encoding": encoding_of(text), "units": units(text), "segments": segments(text)}
    click.echo(json.dumps(counted))
