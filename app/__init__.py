"""Maalem: an artisan's health insurance on a feature phone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

import click
from flask import Flask
from flask.cli import FlaskGroup

from app.base import first_process, lean_libraries  # noqa: F401 - before all that takes long

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from app.runtime import Runtime
    from app.settings import Settings
    from app.web.server import Server


def create_served() -> Flask:
    """The application of a web server's process, which follows the menus that are live."""
    # What is read at the start stays: looking through it for garbage took a third of the start.
    gc.disable()
    if _is_for_command():
        app = create_app()
    else:
        from app.web.access import MACHINES
        from app.web.lifecycle import watch_menus
        from app.web.machines import register_machines

        app = _begin()
        maalem: Runtime = app.extensions["maalem"]
        register_machines(app, maalem)
        app.wsgi_app = _LatePages(app, MACHINES)  # type: ignore[assignment]
        watch_menus(app)
        # Before anybody is let in: the door sends phones to a process as soon as it lives.
        _ = maalem.ussd
    gc.freeze()
    gc.enable()
    return app


def create_server() -> Server:
    """The application of a web process, as its server calls it (ASGI)."""
    gc.disable()
    from app.web.server import Server

    return Server(create_served())


def create_app(runtime: Runtime | None = None) -> Flask:
    """The web application and its commands, around one runtime."""
    app = _begin(runtime)
    if _is_for_command():
        # Few commands (`dial`) ask for a page.
        app.wsgi_app = _LatePages(app)  # type: ignore[assignment]
    else:
        from app.web.pages import register_pages

        register_pages(app, app.extensions["maalem"])
    return app


def _begin(runtime: Runtime | None = None) -> Flask:
    """Sets up the process, and returns its application without an address."""
    # Read here, so that nobody who wants one room of the program reads all of them.
    from app.cli import refuse_development_server, register_commands
    from app.observe.logs import set_up_logs
    from app.runtime import Runtime, check_names
    from app.settings import read_settings

    runtime = runtime or Runtime(read_settings())
    check_names(runtime.settings)
    refuse_development_server(production=runtime.settings.production)
    set_up_logs(runtime.settings.log_level, _find_reporter(runtime.settings))
    app = _make_app(runtime)
    if url := runtime.settings.traces_url:
        # Its libraries are a tenth of a start, and read where traces are asked for alone.
        from app.observe.traces import send_traces

        app.extensions["traces"] = send_traces(url, runtime.settings.traces_share)
    register_commands(app)
    return app


def _make_app(runtime: Runtime) -> Flask:
    app = Flask("app", static_folder="web/static", template_folder="web/templates")
    # No view is a coroutine: a request would ask each of its functions whether it is one.
    app.ensure_sync = lambda function: function  # type: ignore[method-assign, assignment]
    app.extensions["maalem"] = runtime
    return app


class _LatePages:
    """The application of all pages, made when it is first asked: a process of hops never reads it.

    `machines` are the beginnings of addresses that `app` answers itself.
    """

    def __init__(self, app: Flask, machines: tuple[str, ...] = ()) -> None:
        self._machines, self._answer_machine = machines, app.wsgi_app
        self._maalem: Runtime = app.extensions["maalem"]
        self._lock = Lock()
        self._answer_page: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(self._machines):
            return self._answer_machine(environ, start)
        with self._lock:
            answer = self._answer_page = self._answer_page or self._read_pages()
        return answer(environ, start)

    def _read_pages(self) -> WSGIApplication:
        from app.web.pages import register_pages

        app = _make_app(self._maalem)
        register_pages(app, self._maalem)
        # As at the start: these objects stay.
        gc.freeze()
        return app.wsgi_app


def _is_for_command() -> bool:
    """True where a command of ours, or the list of them, asks; `flask run` is Flask's own."""
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


def _find_reporter(settings: Settings) -> Callable[[Mapping[str, Any]], None] | None:
    """Returns who is told of faults, if anybody is to be."""
    if not (dsn := settings.sentry_dsn.get_secret_value()):
        return None
    # Its library is read where it is asked for alone, as that of traces.
    from app.observe.faults import FaultReporter

    return FaultReporter(dsn, settings.app_env or "development").tell


def main() -> None:
    """Runs `maalem`: the command line where the wheel is installed, as `flask` in a checkout."""
    FlaskGroup(create_app=create_served, name="maalem").main()
