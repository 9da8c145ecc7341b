"""Files given on pages: a network's settlement file, CNSS's answer; how each stands."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from flask import Response, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.agents.models import agent_network
from app.agents.networks import list_networks
from app.base.errors import InvalidInput, Unavailable
from app.base.money import Money
from app.base.operation import operation
from app.files.recognition import NAMED_ENCODINGS
from app.observe.progress import find_progress
from app.office.rights import RIGHTS, Right
from app.reconciliation.models import settlement_file, uploaded_file
from app.reconciliation.uploads import (
    MOST_BYTES,
    SMALL_BYTES,
    UPLOAD_SORTING,
    NewUpload,
    find_upload,
    keep_upload,
    list_uploads,
    take_upload,
)
from app.reconciliation.withdrawals import (
    SETTLEMENT_SORTING,
    approve_withdrawal,
    find_file,
    list_files,
    propose_withdrawal,
    refuse_withdrawal,
)
from app.runtime import runtime
from app.web.office.desk import act_on, add_to, here, look, own, wait_briefly
from app.web.office.fields import (
    LONGEST_REASON,
    NUMBER,
    done,
    read_amount,
    read_needed,
    read_proposed_at,
)
from app.web.office.frame import may, office_page, pages
from app.web.office.refusal_words import name_fault_of_file
from app.web.office.tables import show_table


@pages.post("/breaks/files")
@may(Right.RESOLVE_BREAKS)
def give_settlement() -> AnyResponse:
    """Keeps a network's settlement file; a small one is matched at once, others by a worker."""
    network = here().scope.network or read_needed("network", 16)
    name, content, encoding = _read_file()
    new = NewUpload("settlement", name, content, network, read_amount("total"), encoding)
    with look() as connection:
        if network not in {one.code for one in list_networks(connection, own(agent_network))}:
            raise NotFound
    with add_to(uploaded_file, network, "settlement") as change:
        number = keep_upload(change, new)
    return _take_if_small("settlement_upload", number, len(content))


@pages.post("/postings/answers")
@may(Right.POST_AT_CNSS)
def give_answer() -> AnyResponse:
    """Keeps CNSS's answer; a small one is imported at once, others by a worker."""
    name, content, encoding = _read_file()
    with add_to(uploaded_file, kind="cnss_answer") as change:
        number = keep_upload(change, NewUpload("cnss_answer", name, content, encoding=encoding))
    return _take_if_small("answer_upload", number, len(content))


@pages.get(f"/breaks/given/{NUMBER}")
@may(Right.SEE_BREAKS)
def settlement_upload(number: int) -> Response:
    return _show_upload("settlement", number)


@pages.get(f"/postings/given/{NUMBER}")
@may(Right.SEE_POSTINGS)
def answer_upload(number: int) -> Response:
    return _show_upload("cnss_answer", number)


@pages.get("/breaks/files")
@may(Right.SEE_BREAKS)
def settlement_files() -> Response:
    network = here().scope.network
    with look() as connection:
        files = show_table(SETTLEMENT_SORTING, lambda asked: list_files(connection, network, asked))
        uploads = show_table(
            UPLOAD_SORTING,
            lambda asked: list_uploads(connection, own(uploaded_file), "settlement", asked),
            "given_",
        )
    return office_page("settlement_files.html", files=files, uploads=uploads)


@pages.get(f"/breaks/files/{NUMBER}")
@may(Right.SEE_BREAKS)
def settlement_file_page(number: int) -> Response:
    with look() as connection:
        found = find_file(connection, own(settlement_file), number)
    if found is None:
        raise NotFound
    acts = Right.RESOLVE_BREAKS in RIGHTS[here().role] and found.withdrawn_by is None
    return office_page(
        "settlement_file.html",
        one=found,
        acts=acts,
        may_approve=here().name not in (found.asked_by, found.first_approved_by),
        two_from=runtime().services.two_approvers_from,
    )


@pages.post(f"/breaks/files/{NUMBER}/withdraw")
@may(Right.RESOLVE_BREAKS)
def withdraw_file(number: int) -> AnyResponse:
    reason = read_needed("reason", LONGEST_REASON)
    with act_on(settlement_file, number) as change:
        propose_withdrawal(change, number, reason)
    return done("settlement_file_page", "withdrawal_asked", number=number)


@pages.post(f"/breaks/files/{NUMBER}/approve")
@may(Right.RESOLVE_BREAKS)
def approve_file_withdrawal(number: int) -> AnyResponse:
    with act_on(settlement_file, number) as change:
        two_from = runtime().services.two_approvers_from
        withdrawn = approve_withdrawal(change, number, two_from, read_proposed_at())
    said = "file_withdrawn" if withdrawn else "approved_first"
    return done("settlement_file_page", said, number=number)


@pages.post(f"/breaks/files/{NUMBER}/refuse")
@may(Right.RESOLVE_BREAKS)
def refuse_file_withdrawal(number: int) -> AnyResponse:
    with act_on(settlement_file, number) as change:
        refuse_withdrawal(change, number, read_proposed_at())
    return done("settlement_file_page", "withdrawal_refused", number=number)


def _read_file() -> tuple[str, bytes, str | None]:
    """Returns name, content and told encoding of the form's file. Raises: InvalidInput."""
    given = request.files.get("file")
    if given is None or not given.filename:
        raise InvalidInput(what="file", why="empty")
    content = given.stream.read(MOST_BYTES + 1)
    encoding = request.form.get("encoding", "")
    return given.filename, content, encoding if encoding in NAMED_ENCODINGS else None


def _take_if_small(endpoint: str, number: int, size: int) -> AnyResponse:
    """Takes a small file now; while the database is busy or away it is left to a worker."""
    maalem = runtime()
    if size <= SMALL_BYTES:
        with (
            suppress(Unavailable),
            operation(maalem.office_database, maalem.clock(), here().name) as change,
        ):
            wait_briefly(change.connection)
            take_upload(change, maalem.services, number)
    return done(endpoint, "file_given", number=number)


def _show_upload(kind: str, number: int) -> Response:
    with look() as connection:
        found = find_upload(connection, own(uploaded_file), kind, number)
    if found is None:
        raise NotFound
    fault, told = name_fault_of_file(found.report), found.report.get("day")
    day = date.fromisoformat(told) if told else None
    paid = Money(found.report.get("paid", 0))
    working = found.state == "waiting"
    far = find_progress(runtime().redis, found.work) if working else None
    return office_page(
        "upload.html", one=found, fault=fault, paid=paid, day=day, far=far, working=working
    )
