"""Breaks of a network: its days in sum, what differs and how old it is, reversals asked for."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app.agents.models import agent_network
from app.agents.networks import list_networks
from app.base.clock import local_date
from app.files.recognition import NAMED_ENCODINGS
from app.ledger.break_lists import (
    STATES_ASKED,
    BreakQuery,
    count_break_ages,
    list_break_page,
)
from app.ledger.models import BREAK_KINDS, reconciliation_break
from app.office.rights import RIGHTS, Right
from app.payments.errors import ReceiptUnknown
from app.payments.models import deposit
from app.reconciliation.day_totals import list_day_totals
from app.reconciliation.models import uploaded_file
from app.reconciliation.resolutions import propose_reversal
from app.reconciliation.uploads import list_uploads
from app.runtime import runtime
from app.web.office.break_pages import BreakDesk, add_break_pages
from app.web.office.desk import add_to, here, look, own
from app.web.office.fields import (
    LONGEST_REASON,
    done,
    read_asked_day,
    read_asked_number,
    read_asked_word,
    read_needed,
)
from app.web.office.frame import may, office_page, pages

ROWS, _DAYS, _UPLOADS = 50, 7, 5
DESK = BreakDesk(
    "breaks",
    tuple(kind for kind in BREAK_KINDS if kind != "posting_refused"),
    Right.SEE_BREAKS,
    Right.RESOLVE_BREAKS,
)
add_break_pages(DESK)


@pages.get("/breaks")
@may(Right.SEE_BREAKS)
def breaks() -> Response:
    maalem = runtime()
    now = maalem.clock()
    kind = read_asked_word("kind", DESK.kinds)
    state = read_asked_word("state", STATES_ASKED, "waiting")
    newest = request.args.get("sort") == "newest"
    asked = BreakQuery((kind,) if kind else DESK.kinds, state, newest, read_asked_number())
    day = read_asked_day("day") or local_date(now)
    with look() as connection:
        seen = own(reconciliation_break)
        rows = list_break_page(connection, seen, asked, ROWS + 1, now)
        asked_reversals = BreakQuery(("reversal_asked",), "proposed")
        values: dict[str, Any] = {
            "ages": count_break_ages(connection, seen, DESK.kinds, now),
            "days": list_day_totals(connection, here().scope.network, day, _DAYS),
            "reversals": list_break_page(connection, seen, asked_reversals, ROWS, now),
            "uploads": list_uploads(connection, own(uploaded_file), "settlement", None, _UPLOADS),
            "networks": list_networks(connection, own(agent_network)),
        }
    following = rows[ROWS - 1].id if len(rows) > ROWS else None
    return office_page(
        "breaks.html",
        rows=rows[:ROWS],
        following=following,
        asked=asked,
        kind=kind,
        kinds=DESK.kinds,
        states=list(STATES_ASKED),
        encodings=NAMED_ENCODINGS,
        day=day,
        desk_address=DESK.address,
        can_resolve=Right.RESOLVE_BREAKS in RIGHTS[here().role],
        **values,
    )


@pages.post("/breaks/reversals")
@may(Right.RESOLVE_BREAKS)
def ask_reversal() -> AnyResponse:
    """Asks to reverse a deposit of the reader's network; another person decides."""
    receipt = read_needed("receipt", 20)
    reason = read_needed("reason", LONGEST_REASON)
    with look() as connection:
        seen = connection.execute(
            select(deposit.c.receipt_number).where(
                deposit.c.receipt_number == receipt, own(deposit)
            )
        ).scalar()
    if seen is None:
        raise ReceiptUnknown()
    with add_to(reconciliation_break) as change:
        number = propose_reversal(change, receipt, reason)
    return done("breaks_break", "reversal_asked", number=number)
