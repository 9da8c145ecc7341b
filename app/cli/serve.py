"""`flask serve`, which `make run` calls: engines, database, web server and worker in one command.

For development. In production each of them has its own supervisor.
"""

import http.client
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from app.base.engine_urls import EngineUrls
from app.cli.children import Child, Children, parent_has_ended, parent_was_interrupted
from app.cli.run_log import RunLog
from app.embedded import (
    EngineFailed,
    describe_engines,
    postgres_pid,
    redis_pid,
    start_postgres,
    start_redis,
    using_engines,
)
from app.enrolment.samples import SAMPLE_PEOPLE
from app.settings import ROOT, Settings, read_settings

_READY_SECONDS = 60
_POLL_SECONDS = 0.1
_ENGINE_SECONDS = 3
_LONGEST_DELAY = 30  # seconds between two tries to start the worker
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PAGES = {
    "/": "what is here",
    "/simulator": "a feature phone",
    "/agent": "the till",
    "/office": "the office, for each role",
    "/figures": "the published figures",
    "/metrics": "measurements",
}
# One process of the service, without its port (app/web/server.py). How many requests are worked on
# at once is said by the slots (app/web/slots.py).
WEB_COMMAND = (
    *("granian", "--interface=asginl", "--host=127.0.0.1"),
    *("--http=1", "--no-ws", "--no-access-log"),
    # One thread takes requests in: with more a hop costs a tenth more.
    "--runtime-mode=st",
    *("--backlog=2048", "--backpressure=2048"),
    # A process that still loads loses a signal, and is killed after these seconds.
    *("--http1-header-read-timeout=10000", "--workers-kill-timeout=2", "--log-level=error"),
    *("--factory", "app:create_server"),
)
_SUPERVISED = ("--workers=1", "--respawn-failed-workers")


class _StopAsked(BaseException):
    """Ends the command after a signal. It is no Exception, so that no handler swallows it."""


@click.command("serve")
def serve() -> None:
    """Runs everything on this machine until Ctrl-C (for development)."""
    settings = _read_settings()
    try:
        _stop_on_signals()
        _refuse_busy_port(settings.port)
        with (
            _engines(settings) as urls,
            Children(_environment(settings, urls), ROOT, RunLog(settings.data_dir)) as children,
        ):
            _say_engines(settings)
            _serve(settings, children)
    except _StopAsked:
        click.echo("Stopped.")
    except EngineFailed as failure:
        raise click.ClickException(str(failure)) from None


def _read_settings() -> Settings:
    settings = read_settings()
    if settings.production:
        raise click.ClickException(
            "flask serve is for development; in production start web processes and `flask worker`"
        )
    return settings


def _stop_on_signals() -> None:
    """Makes the first signal raise _StopAsked; later ones cannot disturb the stopping."""

    def stop(number: int, frame: FrameType | None) -> None:
        for other in _STOP_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise _StopAsked

    for number in _STOP_SIGNALS:
        # nohup makes us ignore SIGHUP on purpose. A SIGINT ignored in the background ends us still.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def _refuse_busy_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port}: {error.strerror}; choose another, e.g. PORT={port + 1} make run"
            ) from None


@contextmanager
def _engines(settings: Settings) -> Iterator[EngineUrls]:
    """Yields the addresses to use: the environment's, else the embedded engine's."""
    wanted = {"postgres": not settings.database_url, "redis": not settings.redis_url}
    if not any(wanted.values()):
        yield EngineUrls(settings.database_url, settings.redis_url)
        return
    with using_engines(settings.data_dir, click.echo, **wanted) as urls:
        yield EngineUrls(
            settings.database_url or urls.database_url, settings.redis_url or urls.redis_url
        )


def _find_backups(settings: Settings) -> Path:
    return settings.backup_folder or settings.data_dir / "backup"


def _environment(settings: Settings, urls: EngineUrls) -> dict[str, str]:
    return {
        "BACKUP_FOLDER": str(_find_backups(settings)),
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "APP_ENV": "development",
        "FLASK_APP": "wsgi",
        "PYTHONUNBUFFERED": "1",
    }


def _serve(settings: Settings, children: Children) -> None:
    click.echo(f"Logs: {children.log.path}")
    _run_to_end(children, "flask", "db", "upgrade")
    web = children.start(*WEB_COMMAND, *_SUPERVISED, f"--port={settings.port}")
    _run_to_end(children, "flask", "registry", "load-sample-people", heard=True)
    worker = children.start("flask", "worker")
    if _find_backups(settings).exists():
        children.start("flask", "backup", "follow")
    _await_ready(settings.port, web, children.log)
    _say_ready(f"http://127.0.0.1:{settings.port}")
    _watch(children, web, worker, EngineWatch(settings))


def _run_to_end(children: Children, *command: str, heard: bool = False) -> None:
    child = children.start(*command, heard=heard)
    while (code := child.poll()) is None:
        _pause()
    if code:
        _show_last_lines(children.log)
        raise click.ClickException(f"{' '.join(command)} ended with exit code {code}")


def _await_ready(port: int, web: Child, log: RunLog) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while (answer := _ask_ready(port)) != "200":
        _refuse_ended(web, log)
        if time.monotonic() > deadline:
            _show_last_lines(log)
            raise click.ClickException(
                f"/readyz does not answer 200 after {_READY_SECONDS} s but: {answer}"
            )
        _pause()
    _refuse_ended(web, log)  # if ours ended, another server answered on the port


def _ask_ready(port: int) -> str:
    """Returns `200`, or the reason in one line."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return "200" if response.status == 200 else f"{response.status} {' '.join(body.split())[:200]}"


def _say_engines(settings: Settings) -> None:
    origins = describe_engines(settings.data_dir, settings.database_url, settings.redis_url)
    for name, origin in origins.items():
        click.echo(f"{name}: {origin}")


def _say_ready(address: str) -> None:
    rows = [("Phone", "Who", "State on the day of the first run"), *SAMPLE_PEOPLE]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for phone, who, state in rows:
        click.echo(f"  {phone:<{widths[0]}}  {who:<{widths[1]}}  {state}")
    for path, what in _PAGES.items():
        click.echo(f"  {address + path:<34} {what}")
    click.echo(f"ready on {address} (Ctrl-C ends it)")


class EngineWatch:
    """Starts an embedded engine again if it was killed and does not run for some seconds."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data_dir
        self._engines: list[tuple[str, Callable[[Path], int | None], Callable[[Path], None]]] = []
        if not settings.database_url:
            self._engines.append(("PostgreSQL", postgres_pid, start_postgres))
        if not settings.redis_url:
            self._engines.append(("Redis", redis_pid, start_redis))
        self._looked = time.monotonic()
        self._gone: set[str] = set()

    def look(self) -> None:
        """Starts an engine again if it did not run at two looks in a row, a few seconds apart."""
        if time.monotonic() - self._looked < _ENGINE_SECONDS:
            return
        self._looked = time.monotonic()
        gone = {name for name, pid, _ in self._engines if pid(self._folder) is None}
        for name, _, start in self._engines:
            if name in gone & self._gone:
                click.echo(f"{name} ended; starting it again", err=True)
                start(self._folder)
        self._gone = gone


def _watch(children: Children, web: Child, worker: Child, engines: EngineWatch) -> None:
    """Runs for ever: starts an ended worker or engine again, and ends with the web server."""
    delay, started, again = 1, time.monotonic(), 0.0
    while True:
        _refuse_ended(web, children.log)
        engines.look()
        children.log.keep_small()
        now = time.monotonic()
        if not again and (code := worker.poll()) is not None:
            delay = 1 if now - started > _LONGEST_DELAY else min(delay * 2, _LONGEST_DELAY)
            again = now + delay
            _show_last_lines(children.log)
            click.echo(f"the worker ended with exit code {code}; again in {delay} s", err=True)
        elif again and now > again:
            worker, started, again = children.start("flask", "worker"), now, 0.0
        _pause()


def _show_last_lines(log: RunLog) -> None:
    click.echo(f"the last lines of {log.path}:", err=True)
    for line in log.read_last_lines():
        click.echo(f"  {line}", err=True)


def _refuse_ended(web: Child, log: RunLog) -> None:
    if (code := web.poll()) is not None:
        _show_last_lines(log)
        raise click.ClickException(f"the web server ended with exit code {code}")


def _pause() -> None:
    time.sleep(_POLL_SECONDS)
    if parent_has_ended() or parent_was_interrupted():
        raise _StopAsked
