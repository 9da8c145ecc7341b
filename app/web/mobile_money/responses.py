"""Writes the answers of the payments API; every refusal is the definition's error object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog
from flask import Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.base.errors import MaalemError, Unavailable
from app.mobile_money.errors import Refused, refusal_of
from app.mobile_money.objects import JsonObject, error_object, refuse, write_moment
from app.observe import metrics
from app.web.mobile_money.sandbox import tell_time

if TYPE_CHECKING:
    from app.mobile_money.bills import BillPage
    from app.mobile_money.requests import ApiAnswer

_log = structlog.get_logger("api")


def as_json(body: JsonObject | list[JsonObject], status: int = 200) -> Response:
    """Writes JSON."""
    # Sorted, so that the same answer is the same bytes.
    text = json.dumps(body, sort_keys=True)
    return Response(text, status, content_type="application/json")


def as_list(page: BillPage) -> Response:
    """Writes a list, with its counts in headers."""
    response = as_json(page.rows)
    response.headers["X-Records-Available-Count"] = str(page.available)
    response.headers["X-Records-Returned-Count"] = str(len(page.rows))
    if page.no_bill:
        response.headers["X-No-Bill-Reason"] = ", ".join(sorted(page.no_bill))
    return response


def record_answer(kind: str, answer: ApiAnswer) -> None:
    """Counts and logs the answer to a payment or a reversal."""
    reason = answer.body.get("errorCode") if answer.status >= 400 else None
    metrics.api_requests.labels(kind, str(reason or "done")).inc()
    reason = answer.why or reason
    _log.info(
        kind, request_id=g.request_id, client=g.client.id, status=answer.status, reason=reason
    )


def refused_response(refused: Refused) -> Response:
    """Writes the definition's error object, with its status."""
    response = as_json(error_object(refused, tell_time()), refused.status)
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response


def refuse_known(error: MaalemError) -> Response:
    """Answers a refusal; its `why` goes to the log alone, so that all wrong keys look alike."""
    refused = refusal_of(error)
    client = g.client.id if "client" in g else "?"
    why = error.params.get("why") or refused.error
    metrics.api_requests.labels("refused", refused.error).inc()
    _log.info("refused", request_id=g.request_id, client=client, reason=why)
    if isinstance(error, Unavailable):
        _log.error("unavailable", request_id=g.request_id, what=error.params.get("what"))
    return refused_response(refused)


def refuse_failed(error: Exception) -> Response | HTTPException:
    """Answers an error of ours as internal, with the reference of its log line."""
    if isinstance(error, RequestEntityTooLarge):
        return refused_response(refuse("body", "over 64 KiB", "lengthError"))
    if isinstance(error, HTTPException):
        return error
    _log.exception("failed", request_id=g.request_id, endpoint=request.endpoint)
    words = f"something went wrong, reference {g.request_id}"
    return refused_response(Refused("internal", "genericError", words))


def strayed(status: int) -> Response:
    """Answers every caller alike for an address or a method that the API does not have."""
    refused = refuse("path", "not one of the API, or not by this method")
    response = as_json(error_object(refused, tell_time()), status)
    response.headers["X-Date"] = write_moment(tell_time())
    return response


def busy() -> Response:
    """Answers while no thread for pages is free; nothing was done."""
    response = refused_response(Refused("serviceUnavailable", "genericError", "busy, try again"))
    response.headers["Retry-After"] = "1"
    response.headers["X-Date"] = write_moment(tell_time())
    return response
