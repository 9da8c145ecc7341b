"""Maalem: an artisan's health insurance on a feature phone."""

from flask import Flask
from flask.cli import FlaskGroup

from app.cli import refuse_development_server, register_commands
from app.observe.logs import set_up_logs
from app.runtime import Runtime, check_names
from app.settings import read_settings
from app.web import register_pages


def create_app(runtime: Runtime | None = None) -> Flask:
    """The web application and its commands, around one runtime."""
    runtime = runtime or Runtime(read_settings())
    check_names(runtime.settings)
    refuse_development_server(production=runtime.settings.production)
    set_up_logs(runtime.settings.log_level)
    app = Flask("app", static_folder="web/static", template_folder="web/templates")
    # No view is a coroutine: a request would ask each of its functions whether it is one.
    app.ensure_sync = lambda function: function  # type: ignore[method-assign, assignment]
    app.extensions["maalem"] = runtime
    register_pages(app, runtime)
    register_commands(app)
    return app


def main() -> None:
    """Runs `maalem`: the command line where the wheel is installed, as `flask` in a checkout."""
    FlaskGroup(create_app=create_app, name="maalem").main()
