"""`flask worker`: the process that sends messages and expires codes."""

import click
from flask.cli import with_appcontext

from app.jobs.worker import Worker, stopping_on_signals
from app.runtime import runtime


@click.command()
@with_appcontext
def worker() -> None:
    """Sends messages and expires codes, until SIGTERM or Ctrl-C."""
    process = Worker(runtime())
    with stopping_on_signals(process):
        process.run()
