"""Maalem: an artisan's health insurance on a feature phone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from flask import Flask
from flask.cli import FlaskGroup

from app.base import first_process, lean_libraries  # noqa: F401 - before all that takes long

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from app.runtime import Runtime
    from app.settings import Settings


def create_served() -> Flask:
    """The application of a web server's process, which follows the menus that are live."""
    # What is read at the start stays: looking through it for garbage took a third of the start.
    gc.disable()
    app = create_app()
    if not _is_for_command():
        from app.web.lifecycle import watch_menus

        watch_menus(app)
        # Before anybody is let in: the door sends phones to a process as soon as it lives.
        _ = app.extensions["maalem"].ussd
    gc.freeze()
    gc.enable()
    return app


def create_app(runtime: Runtime | None = None) -> Flask:
    """The web application and its commands, around one runtime."""
    # Read here, so that nobody who wants one room of the program reads all of them.
    from app.cli import refuse_development_server, register_commands
    from app.observe.logs import set_up_logs
    from app.runtime import Runtime, check_names
    from app.settings import read_settings

    runtime = runtime or Runtime(read_settings())
    check_names(runtime.settings)
    refuse_development_server(production=runtime.settings.production)
    set_up_logs(runtime.settings.log_level, _find_reporter(runtime.settings))
    app = Flask("app", static_folder="web/static", template_folder="web/templates")
    # No view is a coroutine: a request would ask each of its functions whether it is one.
    app.ensure_sync = lambda function: function  # type: ignore[method-assign, assignment]
    app.extensions["maalem"] = runtime
    if url := runtime.settings.traces_url:
        # Its libraries are a tenth of a start, and read where traces are asked for alone.
        from app.observe.traces import send_traces

        app.extensions["traces"] = send_traces(url, runtime.settings.traces_share)
    if _is_for_command():
        _add_pages_when_asked(app, runtime)
    else:
        from app.web import register_pages

        register_pages(app, runtime)
    register_commands(app)
    return app


def _add_pages_when_asked(app: Flask, runtime: Runtime) -> None:
    """Leaves out the pages, a fifth of what is read, until a command (`dial`) asks for one."""
    without = app.wsgi_app

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        from app.web import register_pages

        app.wsgi_app = without  # type: ignore[method-assign]
        register_pages(app, runtime)
        return app(environ, start_response)

    app.wsgi_app = answer  # type: ignore[method-assign]


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
