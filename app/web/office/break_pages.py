"""A break's own page, and what people do there: own it, propose, approve, refuse.

Two desks have such pages: a network's for its breaks, CNSS's for what it refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Response
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.base.paging import PageOfRows, RowsAsked
from app.ledger.break_lists import BREAK_SORTING, BreakQuery, find_break, list_break_page
from app.ledger.break_queries import Break
from app.ledger.breaks import RESOLUTIONS, assign_break, propose_resolution, refuse_proposal
from app.ledger.models import reconciliation_break
from app.office.rights import RIGHTS, Right
from app.reconciliation.resolutions import approve_resolution
from app.runtime import runtime
from app.web.office.desk import act_on, here, look, own, show_seen
from app.web.office.fields import (
    LONGEST_REASON,
    NUMBER,
    done,
    read_choice,
    read_needed,
    read_proposed_at,
)
from app.web.office.frame import may, office_page, pages


@dataclass(frozen=True, slots=True)
class BreakDesk:
    """A place where breaks of some kinds are settled: its address, and the rights there."""

    address: str
    kinds: tuple[str, ...]
    sees: Right
    acts: Right


def add_break_pages(desk: BreakDesk) -> None:
    """Adds the pages of single breaks to a desk's address."""
    acts: dict[str, Callable[[int], str]] = {
        "own": _own,
        "propose": _propose,
        "approve": _approve,
        "refuse": _refuse,
    }
    pages.get(f"/{desk.address}/{NUMBER}", endpoint=f"{desk.address}_break")(
        may(desk.sees)(lambda number: _show(desk, number))
    )
    for name, act in acts.items():
        pages.post(f"/{desk.address}/{NUMBER}/{name}", endpoint=f"{desk.address}_{name}")(
            may(desk.acts)(_make_view(desk, act))
        )


def show_breaks(connection: Connection, query: BreakQuery, asked: RowsAsked) -> PageOfRows[Break]:
    """Reads the breaks of a table that are asked for, among one's own."""
    seen, now = own(reconciliation_break), runtime().clock()
    return show_seen(
        connection,
        reconciliation_break,
        BREAK_SORTING,
        lambda: list_break_page(connection, seen, query, asked, now),
    )


def _make_view(desk: BreakDesk, act: Callable[[int], str]) -> Callable[[int], AnyResponse]:
    def view(number: int) -> AnyResponse:
        with look() as connection:
            seen = own(reconciliation_break)
            if find_break(connection, seen, number, desk.kinds, runtime().clock()) is None:
                raise NotFound
        return done(f"{desk.address}_break", act(number), number=number)

    return view


def _show(desk: BreakDesk, number: int) -> Response:
    opened, now = here(), runtime().clock()
    with look() as connection:
        found = find_break(connection, own(reconciliation_break), number, desk.kinds, now)
    if found is None:
        raise NotFound
    acts = desk.acts in RIGHTS[opened.role]
    may_approve = opened.name not in (found.seen.proposed_by, found.seen.first_approved_by)
    return office_page(
        "break.html",
        desk=desk,
        whole=found,
        one=found.seen,
        told_at=_read_told_at(found.seen),
        ways=RESOLUTIONS[found.seen.kind],
        acts=acts and found.seen.state in ("open", "proposed"),
        may_approve=may_approve,
        two_from=runtime().services.two_approvers_from,
    )


def _read_told_at(seen: Break) -> datetime | None:
    """Returns when somebody was told what the books lack; None for other breaks."""
    told_at = seen.details.get("told_at")
    return datetime.fromisoformat(str(told_at)) if told_at else None


def _own(number: int) -> str:
    with act_on(reconciliation_break, number) as change:
        assign_break(change, number)
    return "break_owned"


def _propose(number: int) -> str:
    method = read_choice("method", {way for ways in RESOLUTIONS.values() for way in ways})
    reason = read_needed("reason", LONGEST_REASON)
    with act_on(reconciliation_break, number) as change:
        propose_resolution(change, number, method, reason)
    return "proposed"


def _approve(number: int) -> str:
    with act_on(reconciliation_break, number) as change:
        outcome = approve_resolution(change, runtime().services, number, read_proposed_at())
    return "approved" if outcome else "approved_first"


def _refuse(number: int) -> str:
    reason = read_needed("reason", LONGEST_REASON)
    with act_on(reconciliation_break, number) as change:
        refuse_proposal(change, number, reason, read_proposed_at())
    return "proposal_refused"
