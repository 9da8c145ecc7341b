"""Access to routes: each view declares its audience; nothing is answered if one does not.

The proof itself (session, key, token, signature) is checked where the request comes in; the till
checks it for every view that is not declared open to everyone.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., object])
_DECLARATION = "maalem_audience"
# Addresses for machines begin so.
MACHINES = ("/ussd/", "/sms/", "/healthz", "/readyz", "/metrics")


class Audience(StrEnum):
    """The callers that a route is for."""

    EVERYONE = "everyone"
    # Signed in at the till.
    AGENT = "agent"
    # Signed in at the office, with the right that the view declares (app/web/office/frame.py).
    OFFICE = "office"
    # X-Client-Id with its X-API-Key.
    API_CLIENT = "api_client"
    # The token in the address.
    GATEWAY = "gateway"
    # The token in the address, or a signature of the provider.
    PROVIDER = "provider"
    # Machines of the operator.
    MONITORING = "monitoring"
    # Anybody on a developer's machine; production has no such route.
    DEVELOPMENT = "development"


class UndeclaredRoute(Exception):
    """A route does not say who may call it, or is for development and stands in production."""


def open_to(audience: Audience) -> Callable[[View], View]:
    """Declares who may call a view."""

    def declare(view: View) -> View:
        setattr(view, _DECLARATION, audience)
        return view

    return declare


def audience_of(app: Flask, endpoint: str | None) -> Audience | None:
    """Returns who may call an endpoint; None if its view does not declare it."""
    if endpoint == "static":  # Flask's own view: files of ours, the same for everybody
        return Audience.EVERYONE
    return getattr(app.view_functions.get(endpoint or ""), _DECLARATION, None)


def check_routes(app: Flask, *, production: bool) -> None:
    """Raises: UndeclaredRoute, which names the routes that do not declare who may call them."""
    forbidden = {None, Audience.DEVELOPMENT} if production else {None}
    wrong = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if audience_of(app, rule.endpoint) in forbidden
    ]
    if wrong:
        raise UndeclaredRoute(f"declare who may call: {', '.join(wrong)}")
