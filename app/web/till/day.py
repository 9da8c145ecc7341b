"""The till's day: lists its deposits with their sum, and closes it."""

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.base.database import reading
from app.base.operation import operation
from app.payments.agent_day import close_day, find_till_day
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.till.pages import agent_here, pages, till_page


@pages.get("/day")
@open_to(Audience.AGENT)
def day() -> Response:
    """Shows the deposits of today and their sum."""
    with reading(runtime().database) as connection:
        till_day = find_till_day(connection, agent_here().id, runtime().clock())
    return till_page("till/day.html", day=till_day)


@pages.post("/day/close")
@open_to(Audience.AGENT)
def close() -> AnyResponse:
    """Records that the agent counted the cash, with the sum of that moment."""
    agent = agent_here()
    with operation(runtime().database, runtime().clock(), f"agent:{agent.number}") as change:
        close_day(change, agent.id)
    return redirect(url_for("till.day"), 303)
