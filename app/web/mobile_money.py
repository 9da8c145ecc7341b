"""The payments API: GSMA Mobile Money API 1.2, bill payments. Authenticate, read, ask, answer.

What a request means and is answered is app/mobile_money; here are its addresses, headers and
errors. Every refusal is the definition's error object, whatever went wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, current_app, g, request
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from pydantic import SecretStr
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.agents.clients import DEMO_KEY, Client, let_in
from app.agents.errors import ClientRefused
from app.base.database import reading, transaction
from app.base.errors import MaalemError, Unavailable
from app.base.money import Money
from app.mobile_money import service
from app.mobile_money.bills import (
    Found,
    Page,
    check_owner,
    get_only_bill,
    list_bills,
    list_payments,
    read_accounts,
)
from app.mobile_money.callbacks import check_address
from app.mobile_money.errors import Refused, refusal_of
from app.mobile_money.objects import (
    error_object,
    read_moment,
    read_payment,
    read_reversal,
    read_uuid,
    refuse,
    write_moment,
)
from app.mobile_money.service import Answer, Asked, answer_request, new_uuid
from app.observe import metrics
from app.payments.rules import read_code
from app.runtime import Runtime, runtime

BASE = "/mm/v1.2"
pages = Blueprint("mobile_money", __name__, url_prefix=BASE)
_LONGEST_BODY = 64 * 1024
_USUAL_ROWS, _MOST_ROWS = 50, 500
_MOST_OFFSET = 1_000_000
_log = structlog.get_logger("api")


class RequestLimits:
    """How many requests a minute a client may make. Fails open: money has limits of its own."""

    def __init__(self, maalem: Runtime) -> None:
        self._maalem = maalem

    @cached_property
    def _counts(self) -> FixedWindowRateLimiter:
        pool = self._maalem.redis.connection_pool
        return FixedWindowRateLimiter(RedisStorage("redis://", connection_pool=pool))

    def take(self, client: Client) -> bool:
        rate = RateLimitItemPerMinute(client.requests_a_minute)
        try:
            return self._counts.hit(rate, "api", client.id)
        except RedisError:
            metrics.rate_limits_away.inc()
            return True


def register(app: Flask, maalem: Runtime) -> None:
    app.extensions["api_limits"] = RequestLimits(maalem)
    app.register_blueprint(pages)


@pages.before_request
def _admit() -> None:
    """Who calls, from where, how often; then whether the request is whole."""
    request.max_content_length = _LONGEST_BODY
    maalem = runtime()
    key = SecretStr(request.headers.get("X-API-Key", ""))
    identity = request.headers.get("X-Client-Id", "")
    if not identity or not key.get_secret_value():
        raise ClientRefused(why="no key")
    if maalem.settings.production and key == DEMO_KEY:
        raise ClientRefused(why="demo key")
    with reading(maalem.database) as connection:
        address = request.remote_addr or ""
        g.client = let_in(connection, identity[:64], key, address, maalem.clock())
    if not current_app.extensions["api_limits"].take(g.client):
        raise Refused("businessRule", "rateLimitError", "too many requests this minute")
    if date := request.headers.get("X-Date"):
        read_moment("X-Date", date)
    if given := request.headers.get("X-Content-Hash"):
        found = hashlib.sha256(request.get_data()).hexdigest()
        if not hmac.compare_digest(
            found, given.strip().lower().encode("ascii", "replace").decode()
        ):
            raise refuse("X-Content-Hash", "not the SHA-256 of the body")


@pages.after_request
def _date(response: Response) -> Response:
    response.headers["X-Date"] = write_moment(runtime().clock())
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/heartbeat")
def heartbeat() -> Response:
    """Whether payments can be taken: who hears this has been let in, so the database answers."""
    return _json({"serviceStatus": "available"})


@pages.get("/accounts/<account>/bills")
def bills_of_account(account: str) -> Response:
    return _bills(read_accounts(account))


@pages.get("/accounts/<kind>/<value>/bills")
def bills(kind: str, value: str) -> Response:
    return _bills({kind: value})


@pages.get("/accounts/<account>/bills/payments")
def payments_of_account(account: str) -> Response:
    return _payments(read_accounts(account), None)


@pages.get("/accounts/<kind>/<value>/bills/payments")
def payments_of(kind: str, value: str) -> Response:
    return _payments({kind: value}, None)


@pages.get("/accounts/<account>/bills/<reference>/payments")
def payments_of_account_bill(account: str, reference: str) -> Response:
    return _payments(read_accounts(account), reference)


@pages.get("/accounts/<kind>/<value>/bills/<reference>/payments")
def payments_of_bill_of(kind: str, value: str, reference: str) -> Response:
    return _payments({kind: value}, reference)


@pages.get("/bills/<reference>/payments")
def payments_of_bill(reference: str) -> Response:
    return _payments({}, reference)


@pages.post("/accounts/<account>/bills/payments")
def pay_account(account: str) -> Response:
    return _pay(read_accounts(account), None)


@pages.post("/accounts/<kind>/<value>/bills/payments")
def pay(kind: str, value: str) -> Response:
    return _pay({kind: value}, None)


@pages.post("/accounts/<account>/bills/<reference>/payments")
def pay_account_bill(account: str, reference: str) -> Response:
    return _pay(read_accounts(account), reference)


@pages.post("/accounts/<kind>/<value>/bills/<reference>/payments")
def pay_bill_of(kind: str, value: str, reference: str) -> Response:
    return _pay({kind: value}, reference)


@pages.post("/bills/<reference>/payments")
def pay_bill(reference: str) -> Response:
    return _pay({}, reference)


@pages.post("/transactions/<reference>/reversals")
def reverse(reference: str) -> Response:
    if len(reference) > 64 or "\0" in reference:
        raise refuse("transactionReference", "too long")
    return _do("reversal", lambda: reference, read_reversal)


@pages.get("/requeststates/<server_id>")
def request_state(server_id: str) -> Response:
    found = _kept(service.find_by_server_id, read_uuid("serverCorrelationId", server_id))
    return _json(service.told_state(found))


@pages.get("/responses/<correlation_id>")
def given_response(correlation_id: str) -> Response:
    """The answer as it was given; a link to its state while there is none."""
    found = _kept(service.find_by_correlation_id, read_uuid("clientCorrelationId", correlation_id))
    if found.state == "failed":
        return _json(found.answer, found.status)
    if found.state == "pending":
        return _json({"link": f"{BASE}/requeststates/{found.server_id}"})
    where = "bills" if found.kind == "payment" else "transactions"
    what = "payments" if found.kind == "payment" else "reversals"
    return _json({"link": f"{BASE}/{where}/{found.target}/{what}", **found.answer})


def _bills(identifiers: Mapping[str, str]) -> Response:
    page = _page()
    with transaction(runtime().database) as connection:
        found = list_bills(connection, identifiers, page, **_how())
    return _listed(found)


def _payments(identifiers: Mapping[str, str], reference: str | None) -> Response:
    page, code = _page(), read_code(reference) if reference is not None else None
    with reading(runtime().database) as connection:
        return _listed(list_payments(connection, g.client, identifiers, code, page))


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
    body = _body()
    check(body)
    found = _found(identity, target)
    asked = Asked(g.client, kind, request.path, found, body, identity, _method(callback), callback)
    with transaction(maalem.database) as connection:
        answer = answer_request(
            connection, asked, words=maalem.words, random=maalem.random, now=maalem.clock()
        )
    _tell(kind, answer)
    return _json(answer.body, answer.status)


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


def _method(callback: str | None) -> str:
    if callback is not None:
        return "callback"
    if "respond-async" in request.headers.get("Prefer", "") or g.client.polling:
        return "polling"
    return "step"


def _kept(find: Callable[..., Any], identity: str) -> Any:
    with reading(runtime().database) as connection:
        found = find(connection, g.client, identity)
    if found is None:
        raise Refused("identification", "identifierError", "no such request")
    return found


def _body() -> Any:
    if request.mimetype != "application/json":
        raise refuse("Content-Type", "not application/json")
    try:
        body = json.loads(request.get_data().decode(), parse_constant=_no_constant)
        # What the database cannot keep: half a character, a NUL, a number without end.
        written = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise refuse("body", "not JSON in UTF-8") from None
    if b"\\u0000" in written:
        raise refuse("body", "a NUL in a text")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _page() -> Page:
    moments = {
        name: read_moment(name, request.args[name]) if name in request.args else None
        for name in ("fromDateTime", "toDateTime")
    }
    limit = _whole("limit", _USUAL_ROWS, 1, _MOST_ROWS, "formatError")
    offset = _whole("offset", 0, 0, _MOST_OFFSET, "invalidOffset")
    return Page(limit, offset, moments["fromDateTime"], moments["toDateTime"])


def _whole(name: str, usual: int, least: int, most: int, error: str) -> int:
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise refuse(name, f"not a number from {least} on", error)
    return min(int(text), most)


def _how() -> dict[str, Any]:
    maalem = runtime()
    return {
        "by": f"client:{g.client.id}",
        "fee": Money(maalem.settings.fee_centimes),
        "words": maalem.words,
        "random": maalem.random,
        "now": maalem.clock(),
    }


def _listed(found: Found) -> Response:
    response = _json(found.rows)
    response.headers["X-Records-Available-Count"] = str(found.available)
    response.headers["X-Records-Returned-Count"] = str(len(found.rows))
    return response


def _tell(kind: str, answer: Answer) -> None:
    reason = answer.body.get("errorCode") if answer.status >= 400 else None
    metrics.api_requests.labels(kind, reason or "done").inc()
    reason = answer.why or reason
    _log.info(
        kind, request_id=g.request_id, client=g.client.id, status=answer.status, reason=reason
    )


def _json(body: Any, status: int = 200) -> Response:
    # In one order, so that the same answer is the same bytes.
    text = json.dumps(body, sort_keys=True)
    return Response(text, status, content_type="application/json")


def refused_response(refused: Refused) -> Response:
    """The definition's error object, with its status."""
    return _json(error_object(refused, runtime().clock()), refused.status)


@pages.errorhandler(MaalemError)
def _refused(error: MaalemError) -> Response:
    """Why is for the log: a wrong key, a missing and a revoked one are told alike."""
    refused = refusal_of(error)
    client = g.client.id if "client" in g else "?"
    why = error.params.get("why") or refused.error
    metrics.api_requests.labels("refused", refused.error).inc()
    _log.info("refused", request_id=g.request_id, client=client, reason=why)
    if isinstance(error, Unavailable):
        _log.error("unavailable", request_id=g.request_id, what=error.params.get("what"))
    return refused_response(refused)


@pages.errorhandler(Exception)
def _failed(error: Exception) -> Response | HTTPException:
    if isinstance(error, RequestEntityTooLarge):
        return refused_response(refuse("body", "over 64 KiB", "lengthError"))
    if isinstance(error, HTTPException):
        return error
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    words = f"something went wrong, reference {g.request_id}"
    return refused_response(Refused("internal", "genericError", words))


def strayed(status: int) -> Response:
    """No such address, or not by this method; whoever calls, nothing is told of what is there."""
    refused = refuse("path", "not one of the API, or not by this method")
    response = _json(error_object(refused, runtime().clock()), status)
    response.headers["X-Date"] = write_moment(runtime().clock())
    return response


def busy() -> Response:
    """All threads for pages are taken: nothing was done."""
    response = refused_response(Refused("serviceUnavailable", "genericError", "busy, try again"))
    response.headers["Retry-After"] = "1"
    response.headers["X-Date"] = write_moment(runtime().clock())
    return response
