"""Everything that a browser or a program may ask for."""

from flask import Flask

from app.base.keys import Purpose
from app.runtime import Runtime
from app.web import (
    access,
    api_docs,
    cookies,
    figures,
    home,
    language,
    simulator,
)
from app.web.machines import register_machines
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
    """Registers every blueprint, those for machines too; the simulator only in development.

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
    register_machines(app, runtime)
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
