"""The payments API: GSMA Mobile Money API 1.2, bill payments. Authenticate, read, ask, answer.

What a request means is app/mobile_money; here are its addresses. Who is let in, what is read and
how it is answered stand in the files named alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, request

from app.base.database import reading, transaction
from app.base.errors import MaalemError
from app.base.money import Money
from app.mobile_money import service
from app.mobile_money.bills import (
    check_owner,
    get_only_bill,
    list_bills,
    list_payments,
    read_accounts,
)
from app.mobile_money.callbacks import check_address
from app.mobile_money.errors import Refused
from app.mobile_money.objects import (
    read_payment,
    read_reversal,
    read_uuid,
    refuse,
    write_moment,
)
from app.mobile_money.service import ApiRequest, answer_request, new_uuid
from app.payments.rules import read_code
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.mobile_money.authentication import admit
from app.web.mobile_money.requests import read_body, read_method, read_page
from app.web.mobile_money.responses import (
    as_json,
    as_list,
    refuse_failed,
    refuse_known,
    tell_answer,
)

BASE = "/mm/v1.2"
pages = Blueprint("mobile_money", __name__, url_prefix=BASE)
pages.before_request(admit)
pages.register_error_handler(MaalemError, refuse_known)
pages.register_error_handler(Exception, refuse_failed)


def register(app: Flask) -> None:
    app.register_blueprint(pages)


@pages.after_request
def _date(response: Response) -> Response:
    response.headers["X-Date"] = write_moment(runtime().clock())
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/heartbeat")
@open_to(Audience.API_CLIENT)
def heartbeat() -> Response:
    """Whether payments can be taken: who hears this has been let in, so the database answers."""
    return as_json({"serviceStatus": "available"})


@pages.get("/accounts/<account>/bills")
@open_to(Audience.API_CLIENT)
def bills_of_account(account: str) -> Response:
    return _bills(read_accounts(account))


@pages.get("/accounts/<kind>/<value>/bills")
@open_to(Audience.API_CLIENT)
def bills(kind: str, value: str) -> Response:
    return _bills({kind: value})


@pages.get("/accounts/<account>/bills/payments")
@open_to(Audience.API_CLIENT)
def payments_of_account(account: str) -> Response:
    return _payments(read_accounts(account), None)


@pages.get("/accounts/<kind>/<value>/bills/payments")
@open_to(Audience.API_CLIENT)
def payments_of(kind: str, value: str) -> Response:
    return _payments({kind: value}, None)


@pages.get("/accounts/<account>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def payments_of_account_bill(account: str, reference: str) -> Response:
    return _payments(read_accounts(account), reference)


@pages.get("/accounts/<kind>/<value>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def payments_of_bill_of(kind: str, value: str, reference: str) -> Response:
    return _payments({kind: value}, reference)


@pages.get("/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def payments_of_bill(reference: str) -> Response:
    return _payments({}, reference)


@pages.post("/accounts/<account>/bills/payments")
@open_to(Audience.API_CLIENT)
def pay_account(account: str) -> Response:
    return _pay(read_accounts(account), None)


@pages.post("/accounts/<kind>/<value>/bills/payments")
@open_to(Audience.API_CLIENT)
def pay(kind: str, value: str) -> Response:
    return _pay({kind: value}, None)


@pages.post("/accounts/<account>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def pay_account_bill(account: str, reference: str) -> Response:
    return _pay(read_accounts(account), reference)


@pages.post("/accounts/<kind>/<value>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def pay_bill_of(kind: str, value: str, reference: str) -> Response:
    return _pay({kind: value}, reference)


@pages.post("/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def pay_bill(reference: str) -> Response:
    return _pay({}, reference)


@pages.post("/transactions/<reference>/reversals")
@open_to(Audience.API_CLIENT)
def reverse(reference: str) -> Response:
    if len(reference) > 64 or "\0" in reference:
        raise refuse("transactionReference", "too long")
    return _do("reversal", lambda: reference, read_reversal)


@pages.get("/requeststates/<server_id>")
@open_to(Audience.API_CLIENT)
def request_state(server_id: str) -> Response:
    found = _kept(service.find_by_server_id, read_uuid("serverCorrelationId", server_id))
    return as_json(service.told_state(found))


@pages.get("/responses/<correlation_id>")
@open_to(Audience.API_CLIENT)
def given_response(correlation_id: str) -> Response:
    """The answer as it was given; a link to its state while there is none."""
    found = _kept(service.find_by_correlation_id, read_uuid("clientCorrelationId", correlation_id))
    if found.state == "failed":
        return as_json(found.answer, found.status)
    if found.state == "pending":
        return as_json({"link": f"{BASE}/requeststates/{found.server_id}"})
    where = "bills" if found.kind == "payment" else "transactions"
    what = "payments" if found.kind == "payment" else "reversals"
    return as_json({"link": f"{BASE}/{where}/{found.target}/{what}", **found.answer})


def _bills(identifiers: Mapping[str, str]) -> Response:
    page = read_page()
    with transaction(runtime().database) as connection:
        found = list_bills(connection, identifiers, page, **_how())
    return as_list(found)


def _payments(identifiers: Mapping[str, str], reference: str | None) -> Response:
    page, code = read_page(), read_code(reference) if reference is not None else None
    with reading(runtime().database) as connection:
        return as_list(list_payments(connection, g.client, identifiers, code, page))


def _pay(identifiers: Mapping[str, str], reference: str | None) -> Response:
    def bill() -> str:
        with transaction(runtime().database) as connection:
            if reference is None:
                return get_only_bill(connection, identifiers, **_how())
            if identifiers:
                check_owner(connection, identifiers, read_code(reference))
            return read_code(reference)

    return _do("payment", bill, read_payment)


def _do(kind: str, target: Callable[[], str], check: Callable[[Any], object]) -> Response:
    """Keeps the request, does it or promises to. What cannot be read is refused and not kept."""
    maalem = runtime()
    given = request.headers.get("X-CorrelationID")
    identity = read_uuid("X-CorrelationID", given) if given else new_uuid(maalem.random)
    callback = request.headers.get("X-Callback-URL")
    if callback is not None:
        check_address(callback, private=maalem.settings.private_callbacks_allowed)
    body = read_body()
    check(body)
    found = _found(identity, target)
    asked = ApiRequest(
        g.client, kind, request.path, found, body, identity, read_method(callback), callback
    )
    with transaction(maalem.database) as connection:
        answer = answer_request(
            connection, asked, words=maalem.words, random=maalem.random, now=maalem.clock()
        )
    tell_answer(kind, answer)
    return as_json(answer.body, answer.status)


def _found(identity: str, target: Callable[[], str]) -> str:
    """What is asked for; of a request that was answered before, what it was then.

    An account's only bill is paid by the first answer, which may come at this very moment.
    """
    if kept := _answered_before(identity):
        return str(kept.target)
    try:
        return target()
    except Refused:
        if kept := _answered_before(identity):
            return str(kept.target)
        raise


def _answered_before(identity: str) -> Any:
    """Only where the address names no bill; else the request's own words are compared."""
    if request.path.endswith("/bills/payments"):
        with reading(runtime().database) as connection:
            return service.find_by_correlation_id(connection, g.client, identity)
    return None


def _kept(find: Callable[..., Any], identity: str) -> Any:
    with reading(runtime().database) as connection:
        found = find(connection, g.client, identity)
    if found is None:
        raise Refused("identification", "identifierError", "no such request")
    return found


def _how() -> dict[str, Any]:
    maalem = runtime()
    return {
        "by": f"client:{g.client.id}",
        "fee": Money(maalem.settings.fee_centimes),
        "words": maalem.words,
        "random": maalem.random,
        "now": maalem.clock(),
    }
