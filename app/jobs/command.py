"""`flask worker`: the process that sends messages and expires codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import click
from flask.cli import with_appcontext
from prometheus_client import REGISTRY

from app.gauges.exporter import listen
from app.jobs.worker import Worker, stopping_on_signals
from app.runtime import runtime
from app.settings import Settings


@click.command()
@click.option("--metrics-host", default="127.0.0.1", show_default=True)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="the port at which its own metrics are shown; left out, they are not",
)
@with_appcontext
def worker(metrics_host: str, metrics_port: int | None) -> None:
    """Sends messages and expires codes, until SIGTERM or Ctrl-C."""
    process = Worker(runtime())
    with (
        _showing_metrics(runtime().settings, metrics_host, metrics_port),
        stopping_on_signals(process),
    ):
        process.run()


@contextmanager
def _showing_metrics(settings: Settings, host: str, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    try:
        server = listen(settings, REGISTRY, host, port)
    except OSError as error:
        raise click.ClickException(f"{host}:{port}: {error.strerror}") from None
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    click.echo(f"metrics on http://{host}:{server.server_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
