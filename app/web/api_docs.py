"""The payments API's description, for a network's engineers, and a page of it."""

from functools import cache
from pathlib import Path

import yaml
from flask import Blueprint, Response, render_template

from app.web.access import Audience, open_to

pages = Blueprint("api_docs", __name__, url_prefix="/docs")
_DESCRIPTION = Path(__file__).with_name("openapi.yaml")


@cache
def description() -> dict[str, dict[str, dict[str, object]]]:
    """Reads the OpenAPI description, once."""
    content: dict[str, dict[str, dict[str, object]]] = yaml.load(
        _DESCRIPTION.read_text("utf-8"), yaml.CSafeLoader
    )
    return content


@pages.get("", strict_slashes=False)
@open_to(Audience.EVERYONE)
def page() -> str:
    content = description()
    calls = [
        (method.upper(), path, call)
        for path, calls in content["paths"].items()
        for method, call in calls.items()
        if method != "parameters"
    ]
    return render_template("api_docs.html", description=content, calls=calls)


@pages.get("/openapi.yaml")
@open_to(Audience.EVERYONE)
def openapi() -> Response:
    return Response(_DESCRIPTION.read_text("utf-8"), content_type="application/yaml")
