"""Error pages: what is refused or fails before a page can answer, in the reader's language.

People get a page that says what was recorded, and a way back. Gateways, providers and monitoring
get JSON or a line; the payments API answers with objects of its own (mobile_money/responses).
"""

from __future__ import annotations

import json

from flask import Response, current_app, g, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from app.runtime import runtime
from app.web.access import MACHINES, Audience, audience_of
from app.web.language import vary
from app.web.refusals import Refusal

# The refusal of a status that no page gives itself; other ones of 4xx are "not_understood".
_BY_STATUS = {
    401: "not_allowed",
    403: "not_allowed",
    404: "page_unknown",
    408: "too_slow",
    413: "too_long",
    414: "too_long",
    429: "asked_too_often",
    431: "too_long",
    500: "internal",
}
# The pages to go back to, by the beginning of an address, with their names.
_WAYS_BACK = (
    ("/agent", "till.desk", "till.home.till"),
    ("/office", "office.entrance", "till.home.office"),
    ("/simulator", "simulator.bench", "till.home.simulator"),
)


def answer_http_error(error: HTTPException) -> HTTPException | Response:
    """Answers what Flask or a view refused by a status; redirections and whole answers stay."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error
    code = _BY_STATUS.get(status, "not_understood" if status < 500 else "unavailable")
    answer = answer_error(Refusal(code, {"reference": g.request_id}), error.name, status)
    for name, value in error.get_headers(request.environ):
        if name in ("Allow", "Retry-After"):
            answer.headers[name] = value
    return answer


def answer_busy() -> Response:
    """Answers while there is no slot for the request; nothing was done."""
    answer = answer_error(Refusal("unavailable"), "busy, try again")
    answer.headers["Retry-After"] = "1"
    return answer


def answer_failure() -> Response:
    """Answers a fault of the program, with the reference of its log line."""
    refusal = Refusal("internal", {"reference": g.request_id})
    return answer_error(refusal, describe_failure(g.request_id))


def describe_failure(request_id: str) -> str:
    """Returns what a program or an engineer reads of a fault."""
    return f"something went wrong, reference {request_id}"


def answer_error(refusal: Refusal, why: str, status: int | None = None) -> Response:
    """Writes a refusal as its caller reads it; `why` is for programs and engineers, in English."""
    status = status or refusal.status
    if _reads_json():
        return Response(json.dumps({"error": why}), status, mimetype="application/json")
    if request.path.startswith(MACHINES):
        return Response(f"{why}\n", status, mimetype="text/plain")
    ways = _list_ways_back(refusal)
    place = url_for("till.desk") if request.path.startswith("/agent") else "/"
    page = render_template("error.html", refusal=refusal, why=why, ways=ways, place=place)
    return vary(Response(page, status))


def _reads_json() -> bool:
    if request.is_json:
        return True
    readable = ["text/html", "application/json"]
    return request.accept_mimetypes.best_match(readable) == "application/json"


def _list_ways_back(refusal: Refusal) -> list[tuple[str, str]]:
    """Returns addresses with the keys of their names: where the reader came from, the first page.

    At a host that is not ours only the first page of the right one leads anywhere.
    """
    home = runtime().settings.public_url
    if refusal.code == "other_host" and home:
        return [(home, "till.first_page")]
    ways = [
        (url_for(endpoint), name)
        for beginning, endpoint, name in _WAYS_BACK
        if request.path.startswith(beginning)
        and audience_of(current_app, endpoint) in (Audience.EVERYONE, Audience.DEVELOPMENT)
    ]
    return [*ways, (url_for("home.first_page"), "till.first_page")]
