"""What the payments API is, for a network's engineers: the description, and a page of it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, Response, render_template

from app.web.access import Audience, open_to

pages = Blueprint("api_docs", __name__, url_prefix="/docs")
_DESCRIPTION = Path(__file__).with_name("openapi.yaml")


@cache
def description() -> dict[str, Any]:
    """The OpenAPI description, read once."""
    found: dict[str, Any] = yaml.load(_DESCRIPTION.read_text("utf-8"), yaml.CSafeLoader)
    return found


@pages.get("", strict_slashes=False)
@open_to(Audience.EVERYONE)
def page() -> str:
    told = description()
    calls = [
        (method.upper(), path, call)
        for path, calls in told["paths"].items()
        for method, call in calls.items()
        if method != "parameters"
    ]
    return render_template("api_docs.html", told=told, calls=calls)


@pages.get("/openapi.yaml")
@open_to(Audience.EVERYONE)
def openapi() -> Response:
    return Response(_DESCRIPTION.read_text("utf-8"), content_type="application/yaml")
