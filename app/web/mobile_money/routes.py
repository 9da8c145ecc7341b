"""The addresses of the payments API: GSMA Mobile Money API 1.2, bill payments.

app/mobile_money decides; authentication, requests and responses beside this file admit, read and
answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from flask import Blueprint, Flask, Response, g, request
from sqlalchemy import Connection
from werkzeug.routing import BaseConverter

from app.agents.clients import Client
from app.base.database import reading
from app.base.errors import MaalemError
from app.base.operation import Operation, operation
from app.mobile_money.accounts import check_owner, read_accounts
from app.mobile_money.allowance import count_unknown
from app.mobile_money.bills import (
    BillQuery,
    PageQuery,
    PaymentQuery,
    get_only_bill,
    list_bills,
    list_payments,
)
from app.mobile_money.callback_addresses import check_address
from app.mobile_money.errors import Refused
from app.mobile_money.objects import (
    PaymentBody,
    check_reference,
    read_payment,
    read_reversal,
    read_uuid,
    write_moment,
)
from app.mobile_money.own_payments import may_see_answer, refuse_own_repetition
from app.mobile_money.requests import (
    ApiRequest,
    StoredRequest,
    find_by_correlation_id,
    find_by_server_id,
    new_uuid,
    state_address,
    state_object,
)
from app.mobile_money.service import answer_request, note_unknown_bill
from app.observe import metrics
from app.payments.rules import read_code
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.mobile_money import BASE
from app.web.mobile_money.authentication import admit
from app.web.mobile_money.requests import read_body, read_method, read_page
from app.web.mobile_money.responses import (
    as_json,
    as_list,
    record_answer,
    refuse_failed,
    refuse_known,
)
from app.web.mobile_money.sandbox import HEADER as SANDBOX_HEADER
from app.web.mobile_money.sandbox import forget_if_later, tell_time

# A request's body as it was read.
_Asked = TypeVar("_Asked")
pages = Blueprint("mobile_money", __name__, url_prefix=BASE)
pages.before_request(admit)
pages.register_error_handler(MaalemError, refuse_known)
pages.register_error_handler(Exception, refuse_failed)


class PathReference(BaseConverter):
    """Takes a network's reference from a path, slashes too: servers decode %2F before we see it."""

    regex = r"[\s\S]+"
    part_isolating = False


def register(app: Flask) -> None:
    app.url_map.converters["reference"] = PathReference
    app.register_blueprint(pages)


@pages.after_request
def _date(response: Response) -> Response:
    response.headers["X-Date"] = write_moment(tell_time())
    if "days_later" in g:
        response.headers[SANDBOX_HEADER] = str(g.days_later)
    return response


@pages.get("/heartbeat")
@open_to(Audience.API_CLIENT)
def heartbeat() -> Response:
    """Says that payments can be made: the database answered when the client was authenticated."""
    return as_json({"serviceStatus": "available"})


@pages.get("/accounts/<account>/bills")
@open_to(Audience.API_CLIENT)
def bills_of_account(account: str) -> Response:
    return _bills(read_accounts(account))


@pages.get("/accounts/<kind>/<value>/bills")
@open_to(Audience.API_CLIENT)
def bills(kind: str, value: str) -> Response:
    return _bills({kind.lower(): value})


@pages.get("/accounts/<account>/bills/payments")
@open_to(Audience.API_CLIENT)
def payments_of_account(account: str) -> Response:
    return _payments(read_accounts(account), None)


@pages.get("/accounts/<kind>/<value>/bills/payments")
@open_to(Audience.API_CLIENT)
def payments_of(kind: str, value: str) -> Response:
    return _payments({kind.lower(): value}, None)


@pages.get("/accounts/<account>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def payments_of_account_bill(account: str, reference: str) -> Response:
    return _payments(read_accounts(account), reference)


@pages.get("/accounts/<kind>/<value>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def payments_of_bill_of(kind: str, value: str, reference: str) -> Response:
    return _payments({kind.lower(): value}, reference)


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
    return _pay({kind.lower(): value}, None)


@pages.post("/accounts/<account>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def pay_account_bill(account: str, reference: str) -> Response:
    return _pay(read_accounts(account), reference)


@pages.post("/accounts/<kind>/<value>/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def pay_bill_of(kind: str, value: str, reference: str) -> Response:
    return _pay({kind.lower(): value}, reference)


@pages.post("/bills/<reference>/payments")
@open_to(Audience.API_CLIENT)
def pay_bill(reference: str) -> Response:
    return _pay({}, reference)


@pages.post("/transactions/<reference:reference>/reversals")
@open_to(Audience.API_CLIENT)
def reverse(reference: str) -> Response:
    check_reference("transactionReference", reference)
    return _answer("reversal", lambda _amount: reference, read_reversal)


@pages.get("/requeststates/<server_id>")
@open_to(Audience.API_CLIENT)
def request_state(server_id: str) -> Response:
    stored = _get_stored(find_by_server_id, read_uuid("serverCorrelationId", server_id))
    return as_json(state_object(stored))


@pages.get("/responses/<correlation_id>")
@open_to(Audience.API_CLIENT)
def given_response(correlation_id: str) -> Response:
    """Gives the answer again; a link to its state while there is none."""
    identity = read_uuid("clientCorrelationId", correlation_id)
    stored = _get_stored(find_by_correlation_id, identity)
    if stored.answer is None or stored.status is None:
        return as_json({"link": f"{BASE}{state_address(stored)}"})
    if stored.state == "failed":
        return as_json(stored.answer, stored.status)
    if stored.kind == "payment":
        link = f"{BASE}/bills/{stored.target}/payments"
    else:
        # By our own reference: the network's may be longer than a link when it is percent-encoded.
        link = f"{BASE}/transactions/{stored.answer['originalTransactionReference']}/reversals"
    return as_json({"link": link, **stored.answer})


def _bills(identifiers: Mapping[str, str]) -> Response:
    query = BillQuery(g.client, identifiers, read_page())
    with _counting_unknown(), _operation() as change:
        page = list_bills(change, runtime().services, query)
    return as_list(page)


def _payments(identifiers: Mapping[str, str], reference: str | None) -> Response:
    page, code = read_page(), read_code(reference) if reference is not None else None
    query = PaymentQuery(identifiers, code, page, tell_time())
    with _counting_unknown(), reading(runtime().database) as connection:
        return as_list(list_payments(connection, g.client, query))


@metrics.confirmation_seconds.labels("api").time()
def _pay(identifiers: Mapping[str, str], reference: str | None) -> Response:
    def find_bill(payment: PaymentBody) -> str:
        try:
            return find_known_bill(payment)
        except Refused:
            if reference is not None:
                with _operation() as change:
                    note_unknown_bill(change, g.client, read_code(reference), payment)
            raise

    def find_known_bill(payment: PaymentBody) -> str:
        with _counting_unknown(), _operation() as change:
            if reference is None:
                if "X-CorrelationID" not in request.headers:
                    refuse_own_repetition(
                        change.connection, g.client, identifiers, payment, change.now
                    )
                query = BillQuery(g.client, identifiers, PageQuery(limit=2))
                return get_only_bill(change, runtime().services, query)
            if identifiers:
                check_owner(change.connection, identifiers, read_code(reference))
            return read_code(reference)

    return _answer("payment", find_bill, read_payment)


def _answer(
    kind: str, find_target: Callable[[_Asked], str], read: Callable[[object], _Asked]
) -> Response:
    """Stores a request that can be read, and answers it now or promises the answer."""
    maalem = runtime()
    header = request.headers.get("X-CorrelationID")
    identity = read_uuid("X-CorrelationID", header) if header else new_uuid(maalem.random)
    callback = request.headers.get("X-Callback-URL")
    if callback is not None:
        check_address(callback, g.client.callback_hosts, maalem.callback_rules)
    body = read_body()
    asked = read(body)
    api_request = ApiRequest(
        client=g.client,
        kind=kind,
        path=request.path,
        target=_find_target(identity, lambda: find_target(asked)),
        body=body,
        correlation_id=identity,
        method=read_method(callback),
        callback_url=callback,
    )
    with _operation() as change:
        answer = answer_request(change, maalem.services, api_request)
    record_answer(kind, answer)
    response = as_json(answer.body, answer.status)
    if answer.location is not None:
        response.headers["Location"] = f"{BASE}{answer.location}"
    return response


@contextmanager
def _operation() -> Iterator[Operation]:
    """Opens the change of this request, at its moment."""
    with (
        operation(runtime().database, tell_time(), f"client:{g.client.id}") as change,
        forget_if_later(change),
    ):
        yield change


@contextmanager
def _counting_unknown() -> Iterator[None]:
    """Counts a look-up of a number that is nobody's, and refuses too many of them in a day.

    Raises: Refused.
    """
    try:
        yield
    except Refused as refused:
        if refused.error == "identifierError":
            with _operation() as change:
                count_unknown(change, g.client)
        raise


def _find_target(identity: str, find_target: Callable[[], str]) -> str:
    """Returns the target of the request; of one that was answered before, the target it had then.

    An account's only bill is paid by the first answer, which may come at this very moment.
    """
    if stored := _find_answered(identity):
        return stored.target
    try:
        return find_target()
    except Refused:
        if stored := _find_answered(identity):
            return stored.target
        raise


def _find_answered(identity: str) -> StoredRequest | None:
    """Returns an earlier request of this id where the address names no bill.

    Elsewhere the request's own words are compared.
    """
    if request.path.endswith("/bills/payments"):
        with reading(runtime().database) as connection:
            return find_by_correlation_id(connection, g.client, identity)
    return None


def _get_stored(
    find: Callable[[Connection, Client, str], StoredRequest | None], identity: str
) -> StoredRequest:
    with reading(runtime().database) as connection:
        stored = find(connection, g.client, identity)
        if stored is not None and not may_see_answer(connection, g.client, stored):
            stored = None
    if stored is None:
        raise Refused("identification", "identifierError", "no such request")
    return stored
