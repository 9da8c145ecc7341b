"""`flask exporter`: one process that reads the books for who watches, and shows it as /metrics."""

from __future__ import annotations

import signal
from types import FrameType

import click
from flask.cli import with_appcontext

from app.gauges.all import make_registry
from app.gauges.exporter import listen
from app.runtime import runtime


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="the address to listen at")
@click.option("--port", default=9464, show_default=True, type=click.IntRange(0, 65535))
@with_appcontext
def exporter(host: str, port: int) -> None:
    """Shows the gauges of docs/metrics.md at /metrics, until SIGTERM or Ctrl-C.

    One process is enough, however many serve phones. It asks for METRICS_TOKEN.
    """
    maalem = runtime()
    if maalem.settings.production and not maalem.settings.metrics_token.get_secret_value():
        raise click.ClickException("METRICS_TOKEN: missing, and nothing is shown without one")
    try:
        server = listen(maalem.settings, make_registry(maalem), host, port)
    except OSError as error:
        raise click.ClickException(f"{host}:{port}: {error.strerror}") from None
    with server:
        signal.signal(signal.SIGTERM, _interrupt)
        click.echo(f"gauges on http://{host}:{server.server_port}/metrics (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("Stopped.")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
