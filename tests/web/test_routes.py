"""Every route declares who may call it, and refuses a request of anybody else."""

from __future__ import annotations

import pytest
from flask import Flask

from app.web.access import Audience, UndeclaredRoute, audience_of, check_routes, open_to
from tests.web.conftest import rules_of

# Statuses that a request without any proof is answered with.
REFUSALS = {
    Audience.AGENT: {401},
    Audience.OFFICE: {401},
    Audience.API_CLIENT: {401},
    Audience.GATEWAY: {404},
    Audience.PROVIDER: {403, 404},
}


def test_every_route_declares_who_may_call_it(app: Flask, production: Flask) -> None:
    for service in (app, production):
        undeclared = [
            rule.rule
            for rule in service.url_map.iter_rules()
            if audience_of(service, rule.endpoint) is None
        ]
        assert undeclared == []
    assert len(list(production.url_map.iter_rules())) > 30


def test_every_audience_has_a_route(app: Flask) -> None:
    endpoints = (rule.endpoint for rule in app.url_map.iter_rules())
    assert {audience_of(app, endpoint) for endpoint in endpoints} == set(Audience)


def test_production_refuses_a_request_without_proof_on_every_route(production: Flask) -> None:
    client = production.test_client()
    called = 0
    for rule, method, address in rules_of(production):
        expected = REFUSALS.get(audience_of(production, rule.endpoint) or Audience.DEVELOPMENT)
        if expected:
            assert client.open(address, method=method).status_code in expected, (method, address)
            called += 1
    assert called > 25


def test_development_asks_no_proof_only_on_routes_of_development(app: Flask) -> None:
    client = app.test_client()
    for rule, method, address in rules_of(app):
        audience = audience_of(app, rule.endpoint)
        if audience in (Audience.AGENT, Audience.API_CLIENT):
            assert client.open(address, method=method).status_code == 401, (method, address)
        if audience is Audience.DEVELOPMENT:
            assert client.open(address, method=method).status_code in (200, 400), (method, address)


def test_everyone_is_served_without_proof(production: Flask) -> None:
    client = production.test_client()
    for rule, method, address in rules_of(production):
        if audience_of(production, rule.endpoint) is Audience.EVERYONE and method == "GET":
            files = rule.endpoint.startswith(("static", "api_docs.example", "figures.picture"))
            # Another organisation's sign-in is there once its provider is set.
            unset = rule.endpoint in ("office.ask_provider", "office.come_back")
            expected = (200, 404) if files or unset else (200, 303)
            assert client.get(address).status_code in expected, address


class TestCheckRoutes:
    def test_check_routes_names_the_route_without_a_declaration(self) -> None:
        app = Flask("undeclared", static_folder=None)
        app.add_url_rule("/open", "open", open_to(Audience.EVERYONE)(lambda: "open"))
        check_routes(app, production=True)
        app.add_url_rule("/forgotten", "forgotten", lambda: "anybody")
        with pytest.raises(UndeclaredRoute, match="/forgotten"):
            check_routes(app, production=False)

    def test_check_routes_refuses_a_route_of_development_in_production(self) -> None:
        app = Flask("development", static_folder=None)
        app.add_url_rule("/phone", "phone", open_to(Audience.DEVELOPMENT)(lambda: "phone"))
        check_routes(app, production=False)
        with pytest.raises(UndeclaredRoute, match="/phone"):
            check_routes(app, production=True)
