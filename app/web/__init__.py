"""HTTP: a file or folder per front door. Reads requests, opens transactions, writes answers.

ussd has the gateways' callbacks, most of which hop_door takes in before Flask, sms the SMS
providers', mobile_money/ the payments API and api_docs its description, till/ the agent's pages,
office/ the office's, home the first page, simulator the phone of development, health the addresses
for machines. refusals holds the statuses of refusals, error_pages what is answered where no page
can, language the words of pages, access who may call a route, edge what is refused before all else,
safe_headers and cookies what browsers are told. A new page: a view that declares its audience
(`open_to`) in a blueprint, and a line in register_pages.
"""

from flask import Flask

from app.base.keys import Purpose
from app.runtime import Runtime
from app.web import (
    access,
    api_docs,
    cookies,
    figures,
    health,
    home,
    language,
    lifecycle,
    simulator,
    sms,
    ussd,
)
from app.web.mobile_money import routes as mobile_money
from app.web.office import (
    account,  # noqa: F401 - adds its pages to the office's
    agents,  # noqa: F401 - adds its pages to the office's
    audit,  # noqa: F401 - adds its pages to the office's
    books,  # noqa: F401 - adds its pages to the office's
    breaks,  # noqa: F401 - adds its pages to the office's
    calls,  # noqa: F401 - adds its pages to the office's
    counter,  # noqa: F401 - adds its pages to the office's
    first_page,  # noqa: F401 - adds its pages to the office's
    given_files,  # noqa: F401 - adds its pages to the office's
    menus,  # noqa: F401 - adds its pages to the office's
    messages,  # noqa: F401 - adds its pages to the office's
    networks,  # noqa: F401 - adds its pages to the office's
    notices,  # noqa: F401 - adds its pages to the office's
    people,  # noqa: F401 - adds its pages to the office's
    person_acts,  # noqa: F401 - adds its pages to the office's
    postings,  # noqa: F401 - adds its pages to the office's
    provider,  # noqa: F401 - adds its pages to the office's
    requests,  # noqa: F401 - adds its pages to the office's
    sheets,  # noqa: F401 - adds its pages to the office's
    sign_in,  # noqa: F401 - adds its pages to the office's
    users,  # noqa: F401 - adds its pages to the office's
    wording,  # noqa: F401 - adds its words to the office's
    work,  # noqa: F401 - adds its numbers to the first page
)
from app.web.office import (
    figures as office_figures,  # noqa: F401 - adds its pages to the office's
)
from app.web.office import (
    frame as office,
)
from app.web.office import (
    health as office_health,  # noqa: F401 - adds its pages to the office's
)
from app.web.signed_cookies import list_secrets
from app.web.till import (
    bill,  # noqa: F401 - adds its pages to the till's
    day,  # noqa: F401 - adds its pages to the till's
    hand_over,  # noqa: F401 - adds its pages to the till's
    look_up,  # noqa: F401 - adds its pages to the till's
    pin,  # noqa: F401 - adds its pages to the till's
    receipt,  # noqa: F401 - adds its pages to the till's
    reversal,  # noqa: F401 - adds its pages to the till's
)
from app.web.till import (
    pages as till,
)


def register_pages(app: Flask, runtime: Runtime) -> None:
    """Registers every blueprint; the simulator only in development.

    Raises: UndeclaredRoute.
    """
    settings = runtime.settings
    app.config.update(
        # Flask and its packages want one; SignedSessions and the forms have keys of their own.
        SECRET_KEY=runtime.keys.today(Purpose.TILL_SESSION).value,
        WTF_CSRF_SECRET_KEY=[
            *list_secrets(settings),
            *(key.value for key in reversed(runtime.keys.all(Purpose.TILL_FORM))),
        ],
    )
    cookies.register(app, settings)
    lifecycle.register(app, runtime)
    app.register_blueprint(ussd.blueprint(settings))
    app.register_blueprint(sms.blueprint(settings))
    app.register_blueprint(health.pages)
    language.register(app)
    app.register_blueprint(home.pages)
    app.register_blueprint(figures.pages)
    till.register(app)
    office.register(app)
    mobile_money.register(app)
    app.register_blueprint(api_docs.pages)
    if not settings.production:
        app.register_blueprint(simulator.pages)
    access.check_routes(app, production=settings.production)
