"""HTTP: a file per front door. Reads requests, opens transactions, writes answers; decides nothing.

ussd the gateways' callbacks, sms those of the SMS providers, mobile_money the payments API's
addresses (mobile_money_admission who may call, _reading what is read, _answers how it is answered)
and api_docs its description, till the agent's pages (till_day the day and what is undone,
till_sign_in who is there, refusals the tables of statuses and words), home the first page,
simulator the phone of development, health what machines ask, language every page's words. A new
page: a blueprint in its file and a line in register_pages.
"""

from flask import Flask

from app.runtime import Runtime
from app.web import (
    api_docs,
    health,
    home,
    language,
    lifecycle,
    simulator,
    sms,
    ussd,
)
from app.web.mobile_money import routes as mobile_money
from app.web.till import (
    day,  # noqa: F401 - adds its pages to the till's
)
from app.web.till import (
    pages as till,
)


def register_pages(app: Flask, runtime: Runtime) -> None:
    """Every blueprint; the simulator only in development."""
    settings = runtime.settings
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=64 * 1024,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.production,
    )
    lifecycle.register(app, runtime)
    app.register_blueprint(ussd.blueprint(settings))
    app.register_blueprint(sms.blueprint(settings))
    app.register_blueprint(health.pages)
    language.register(app)
    app.register_blueprint(home.pages)
    till.register(app, runtime)
    mobile_money.register(app)
    app.register_blueprint(api_docs.pages)
    if not settings.production:
        app.register_blueprint(simulator.pages)
