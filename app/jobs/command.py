"""`flask worker`: the process that sends messages and expires codes."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.jobs.worker import Worker, stopping_on_signals


@click.command()
@with_appcontext
def worker() -> None:
    """Sends messages and expires codes, until SIGTERM or Ctrl-C."""
    one = Worker(current_app.extensions["maalem"])
    with stopping_on_signals(one):
        one.run()
