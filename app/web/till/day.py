"""The till's day: its deposits with their sum and what is left of limits, as a page and a file."""

from io import StringIO

from flask import Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.base.clock import local, local_date
from app.base.csv_writing import write_rows
from app.base.database import reading
from app.base.operation import operation
from app.enrolment.rules import masked_name
from app.payments.agent_day import close_day, find_till_day
from app.payments.hand_overs import list_hand_overs, sum_cash_held
from app.payments.limits import day_totals, rest_of
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.till.pages import agent_here, pages, till_page

_COLUMNS = ("receipt_number", "received_at", "artisan", "amount", "reversed_at")


@pages.get("/day")
@open_to(Audience.AGENT)
def day() -> Response:
    """Shows the deposits of today, their sum, and what is left of the day's limits."""
    maalem, agent, now = runtime(), agent_here(), runtime().clock()
    with reading(maalem.database) as connection:
        till_day = find_till_day(connection, agent.id, now)
        totals = day_totals(connection, agent, now)
        hand_overs = list_hand_overs(connection, agent.id, now)
        held = sum_cash_held(connection, agent.id, now)
    limits = (
        ("till.day.left", agent.day_limit, totals.by_agent),
        ("till.day.agency_left", agent.float_limit, totals.by_agency),
    )
    return till_page(
        "till/day.html",
        day=till_day,
        left=[(words, rest_of(limit, used), limit) for words, limit, used in limits if limit],
        hand_overs=hand_overs,
        held=held,
        masked_name=masked_name,
    )


@pages.get("/day.csv")
@open_to(Audience.AGENT)
def day_file() -> Response:
    """Writes the deposits of today as CSV, names masked, reversed ones with their moment."""
    agent, now = agent_here(), runtime().clock()
    with reading(runtime().database) as connection:
        till_day = find_till_day(connection, agent.id, now)
    file = StringIO()
    write_rows(file, [_COLUMNS])
    write_rows(
        file,
        (
            (
                one.receipt,
                local(one.received_at).isoformat(timespec="seconds"),
                masked_name(one.full_name),
                one.total,
                local(one.reversed_at).isoformat(timespec="seconds") if one.reversed_at else None,
            )
            for one in till_day.deposits
        ),
    )
    # The mark by which a spreadsheet knows the encoding.
    answer = Response("\ufeff" + file.getvalue(), mimetype="text/csv")
    name = f"maalem-{agent.number}-{local_date(now)}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.post("/day/close")
@open_to(Audience.AGENT)
def close() -> AnyResponse:
    """Records that the agent counted the cash, with the sum of that moment."""
    agent = agent_here()
    with operation(runtime().database, runtime().clock(), f"agent:{agent.number}") as change:
        close_day(change, agent.id)
    return redirect(url_for("till.day"), 303)
