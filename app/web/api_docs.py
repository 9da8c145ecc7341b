"""The payments API's page for a network's engineers: guide, calls, console, and what to load."""

from flask import Blueprint, Response, abort, jsonify, render_template, request

from app.agents.clients import DEMO_CLIENT, DEMO_KEY
from app.runtime import runtime
from app.web.access import Audience, open_to
from app.web.api_calls import (
    DESCRIPTION,
    description,
    list_answer_headers,
    list_calls,
    list_request_headers,
)
from app.web.api_collection import make_collection
from app.web.api_guide import EXAMPLES, list_examples, read_guide
from app.web.mobile_money import BASE, sandbox

pages = Blueprint("api_docs", __name__, url_prefix="/docs")


@pages.get("", strict_slashes=False)
@open_to(Audience.EVERYONE)
def page() -> str:
    """Shows all of it; the console with the demo client in development alone."""
    guide, headings = read_guide()
    return render_template(
        "api_docs.html",
        description=description(),
        calls=list_calls(),
        request_headers=list_request_headers(),
        answer_headers=list_answer_headers(),
        guide=guide,
        headings=headings,
        examples=list_examples(),
        access=_find_access(),
        console=not runtime().settings.production,
        sandbox_header=sandbox.HEADER,
    )


@pages.get("/openapi.yaml")
@open_to(Audience.EVERYONE)
def openapi() -> Response:
    return Response(DESCRIPTION.read_text("utf-8"), content_type="application/yaml")


@pages.get("/collection.json")
@open_to(Audience.EVERYONE)
def collection() -> Response:
    """Gives the calls as a file that API clients load."""
    answer = jsonify(make_collection(**_find_access()))
    answer.headers["Content-Disposition"] = 'attachment; filename="maalem-payments.json"'
    return answer


@pages.get("/examples/<name>")
@open_to(Audience.EVERYONE)
def example(name: str) -> Response:
    """Gives an example's text."""
    if name not in list_examples():
        abort(404)
    return Response((EXAMPLES / name).read_text("utf-8"), content_type="text/plain; charset=utf-8")


def _find_access() -> dict[str, str]:
    """Returns the API's address, and the client and key to try it with; in production names."""
    settings = runtime().settings
    if settings.production:
        base = f"{settings.public_url.rstrip('/')}{BASE}"
        return {"base": base, "client": "YOUR-CLIENT-ID", "key": "YOUR-API-KEY"}
    base = f"{request.host_url.rstrip('/')}{BASE}"
    return {"base": base, "client": DEMO_CLIENT, "key": DEMO_KEY.get_secret_value()}
