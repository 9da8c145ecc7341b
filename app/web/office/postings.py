"""What goes to CNSS and what comes back: exports, answers, refused postings, claims."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.errors import InvalidInput
from app.base.identifiers import read_typed_rna_number
from app.claims.desk import ClaimEntry, record_claim_of
from app.claims.lists import CLAIM_SORTING, count_claims, list_claims
from app.claims.models import STATES, claim
from app.enrolment.files import FILE_SORTING, count_open_files, list_enrolment_files
from app.enrolment.models import enrolment_file
from app.files.recognition import NAMED_ENCODINGS
from app.ledger.break_lists import (
    BREAK_SORTING,
    STATES_ASKED,
    BreakQuery,
    count_break_ages,
)
from app.ledger.models import reconciliation_break
from app.office.rights import RIGHTS, Right
from app.reconciliation.cnss_export import export_payments, find_batch
from app.reconciliation.cnss_lists import BATCH_SORTING, list_batches, list_refused_reasons
from app.reconciliation.models import cnss_batch, uploaded_file
from app.reconciliation.uploads import UPLOAD_SORTING, list_uploads
from app.runtime import runtime
from app.web.office.break_pages import BreakDesk, add_break_pages, show_breaks
from app.web.office.desk import act_on, add_to, here, look, own, show_seen
from app.web.office.fields import (
    done,
    read_amount,
    read_asked_word,
    read_choice,
    read_form_day,
    read_needed,
)
from app.web.office.frame import may, office_page, pages
from app.web.office.tables import show_table

_UPLOADS = 5
_DESK = BreakDesk("postings", ("posting_refused",), Right.SEE_POSTINGS, Right.POST_AT_CNSS)
add_break_pages(_DESK)


@pages.get("/postings")
@may(Right.SEE_POSTINGS)
def postings() -> Response:
    now = runtime().clock()
    state = read_asked_word("state", STATES_ASKED, "waiting")
    query = BreakQuery(_DESK.kinds, state)
    with look() as connection:
        seen = own(reconciliation_break)
        values: dict[str, Any] = {
            "breaks": show_table(
                BREAK_SORTING,
                lambda asked: show_breaks(connection, query, asked),
            ),
            "batches": show_table(
                BATCH_SORTING, lambda asked: list_batches(connection, asked), "batch_"
            ),
            "ages": count_break_ages(connection, seen, _DESK.kinds, now),
            "reasons": list_refused_reasons(connection),
            "uploads": show_table(
                UPLOAD_SORTING,
                lambda asked: list_uploads(connection, own(uploaded_file), "cnss_answer", asked),
                "given_",
                _UPLOADS,
            ),
            "claims": count_claims(connection),
            "files_open": count_open_files(connection),
        }
    return office_page(
        "postings.html",
        query=query,
        states=list(STATES_ASKED),
        encodings=NAMED_ENCODINGS,
        today=local_date(now),
        acts=_may_act(),
        desk_address=_DESK.address,
        **values,
    )


@pages.post("/postings/exports")
@may(Right.POST_AT_CNSS)
def make_export() -> AnyResponse:
    """Makes the file of what was received and not sent yet; it is fetched from its row."""
    day = read_form_day("day") or local_date(runtime().clock())
    if day > local_date(runtime().clock()):
        raise InvalidInput(what="day", why="ahead")
    with add_to(cnss_batch) as change:
        batch = export_payments(change, day)
    return done("postings", "export_made" if batch.name else "nothing_to_export")


@pages.get("/postings/exports/<name>")
@may(Right.POST_AT_CNSS)
def fetch_export(name: str) -> Response:
    """Gives an export byte for byte, and writes down who took it: it names people."""
    with act_on(cnss_batch, name, cnss_batch.c.name) as change:
        batch = find_batch(change.connection, name)
        if batch is None:
            raise NotFound
        record_audit(change, "cnss_file_fetched", f"file:{name}", payments=batch.lines)
    answer = Response(batch.content, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.get("/postings/claims")
@may(Right.SEE_POSTINGS)
def claims() -> Response:
    state = read_asked_word("state", STATES)
    with look() as connection:
        rows = show_table(
            CLAIM_SORTING,
            lambda asked: show_seen(
                connection,
                claim,
                CLAIM_SORTING,
                lambda: list_claims(connection, state or None, asked),
            ),
        )
        counts = count_claims(connection)
    return office_page(
        "claims.html",
        claims=rows,
        counts=counts,
        state=state,
        states=STATES,
        acts=_may_act(),
    )


@pages.post("/postings/claims")
@may(Right.POST_AT_CNSS)
def record_claim_here() -> AnyResponse:
    entry = ClaimEntry(
        number=read_needed("number", 16).upper(),
        rna=read_typed_rna_number(read_needed("rna", 30)),
        state=read_choice("state", STATES),
        amount=read_amount("amount"),
        filed_on=read_form_day("filed_on"),
    )
    with add_to(claim) as change:
        changed = record_claim_of(change, runtime().services, entry)
    return done("claims", "claim_recorded" if changed else "claim_known")


@pages.get("/postings/enrolment")
@may(Right.SEE_POSTINGS)
def enrolment_files() -> Response:
    with look() as connection:
        files = show_table(
            FILE_SORTING,
            lambda asked: show_seen(
                connection,
                enrolment_file,
                FILE_SORTING,
                lambda: list_enrolment_files(connection, asked),
            ),
        )
    return office_page("enrolment_files.html", files=files)


def _may_act() -> bool:
    return Right.POST_AT_CNSS in RIGHTS[here().role]
