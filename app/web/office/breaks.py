"""Breaks of a network: its days in sum, what differs and how old it is, reversals asked for."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from app.agents.models import agent_network
from app.agents.networks import list_networks
from app.base.clock import local_date
from app.files.recognition import NAMED_ENCODINGS
from app.ledger.break_lists import (
    BREAK_SORTING,
    STATES_ASKED,
    BreakQuery,
    count_break_ages,
)
from app.ledger.models import BREAK_KINDS, reconciliation_break
from app.office.rights import RIGHTS, Right
from app.payments.errors import ReceiptUnknown
from app.payments.models import deposit
from app.reconciliation.day_totals import list_day_totals
from app.reconciliation.models import uploaded_file
from app.reconciliation.resolutions import propose_reversal
from app.reconciliation.uploads import UPLOAD_SORTING, list_uploads
from app.runtime import runtime
from app.web.office.break_pages import BreakDesk, add_break_pages, show_breaks
from app.web.office.desk import add_to, here, look, own
from app.web.office.fields import (
    LONGEST_REASON,
    done,
    read_asked_day,
    read_asked_word,
    read_needed,
)
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

_DAYS, _UPLOADS, _REVERSALS = 7, 5, 10
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
    query = BreakQuery((kind,) if kind else DESK.kinds, state)
    day = read_asked_day("day") or local_date(now)
    with look() as connection:
        seen = own(reconciliation_break)
        asked_reversals = BreakQuery(("reversal_asked",), "proposed")
        values: dict[str, Any] = {
            "ages": count_break_ages(connection, seen, DESK.kinds, now),
            "days": list_day_totals(connection, here().scope.network, day, _DAYS),
            "breaks": show_table(
                BREAK_SORTING,
                lambda asked: show_breaks(connection, query, asked),
            ),
            "reversals": show_table(
                BREAK_SORTING,
                lambda asked: show_breaks(connection, asked_reversals, asked),
                "reversal_",
                _REVERSALS,
            ),
            "uploads": list_uploads(
                connection, own(uploaded_file), "settlement", UPLOAD_SORTING.first(_UPLOADS)
            ).rows,
            "networks": list_networks(connection, own(agent_network)),
        }
    return office_page(
        "breaks.html",
        query=query,
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
