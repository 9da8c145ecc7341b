"""Every answer says what a browser may do with it, and who may keep it; cookies are of one host."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.wrappers import Response

from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.runtime import Runtime
from app.web.mobile_money import BASE
from tests.conftest import AGENCY
from tests.mobile_money.conftest import HEADERS
from tests.web.conftest import rules_of

HOST = "https://maalem.example"
CSP = "Content-Security-Policy"


def check_headers(answer: Response, address: str) -> None:
    """Holds an answer that is no file of ours to what every answer must say."""
    told = answer.headers
    assert told.getlist("X-Content-Type-Options") == ["nosniff"], address
    assert told.getlist("Referrer-Policy") == ["no-referrer"], address
    assert told.getlist("Cache-Control") == ["no-store"], address
    assert "Server" not in told and "X-Powered-By" not in told
    policy = dict(part.strip().split(" ", 1) for part in told[CSP].split(";"))
    assert policy["default-src"] == "'none'", address
    assert policy["frame-ancestors"] == "'none'", address
    assert "unsafe" not in told[CSP] and "*" not in told[CSP] and "data:" not in told[CSP]
    if answer.mimetype == "text/html":
        assert told["X-Frame-Options"] == "DENY", address
        assert policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"


@pytest.mark.usefixtures("sample_people")
def test_every_answer_of_every_route_carries_safe_headers(app: Flask, production: Flask) -> None:
    called = 0
    for service, host in ((app, None), (production, HOST)):
        client = service.test_client()
        for rule, method, address in rules_of(service):
            for headers in ({}, HEADERS):
                if rule.endpoint == "static":
                    continue
                answer = client.open(address, method=method, headers=headers, base_url=host)
                check_headers(answer, f"{method} {address}")
                called += 1
    assert called > 150


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nothing/here", {}, 404),
        ("GET", "/static/nothing.css", {}, 404),
        ("DELETE", "/agent", {}, 405),
        ("GET", "/?a=%00", {}, 400),
        ("POST", "/agent/sign-in", {"data": b"x" * 70_000}, 413),
        ("GET", "/", {"headers": {"Host": "evil.example"}}, 400),
        ("POST", "/ussd/africastalking", {"data": b"x" * 9_000}, 400),
        ("GET", f"{BASE}/nothing", {}, 404),
        ("POST", f"{BASE}/bills/1/payments", {"json": {}, "headers": HEADERS}, 401),
        ("GET", "/simulator/messages.json", {}, 400),
        ("GET", "/metrics", {}, 200),
    ],
)
def test_every_refusal_carries_safe_headers(
    client: FlaskClient, method: str, path: str, sent: dict[str, object], status: int
) -> None:
    answer = client.open(path, method=method, **sent)
    assert answer.status_code == status
    check_headers(answer, path)


def test_a_failure_of_ours_carries_safe_headers(app: Flask, runtime: Runtime) -> None:
    with app.test_request_context("/"):
        app.preprocess_request()
        answer = app.make_response(app.handle_user_exception(ValueError("ours")))
        answer = app.process_response(answer)
    assert answer.status_code == 500
    check_headers(answer, "/")


def test_files_may_be_kept(client: FlaskClient) -> None:
    first = client.get("/static/base.css", buffered=True)
    assert (first.status_code, "no-store" in first.headers.get("Cache-Control", "")) == (200, False)
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(
        "/static/base.css", headers={"If-None-Match": first.headers["ETag"]}, buffered=True
    )
    assert (again.status_code, "no-store" in again.headers.get("Cache-Control", "")) == (304, False)


def list_cookies(answer: Response) -> list[str]:
    return answer.headers.getlist("Set-Cookie")


# Not the sample agent's, which production refuses.
PIN = SecretStr("975310")


@pytest.mark.usefixtures("sample_people")
def test_cookies_in_production_are_of_one_host_over_https_alone(production: Flask) -> None:
    """The door ends TLS: the server itself sees http, and is told nothing of it."""
    client, maalem = production.test_client(), production.extensions["maalem"]
    with operation(maalem.database, maalem.clock(), "operator") as change:
        add_agent(change, maalem.services, NewAgent("3003", AGENCY, PIN, own=True))
    cookies = list_cookies(client.get("/?language=ar", base_url="http://maalem.example"))
    page = client.get("/agent", base_url=HOST)
    cookies += list_cookies(page)
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = {"csrf_token": token, "number": "3003", "pin": PIN.get_secret_value()}
    signed_in = client.post("/agent/sign-in", data=form, base_url=HOST)
    assert signed_in.status_code == 303
    cookies += list_cookies(signed_in)
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-session",
        "__Host-language",
        "__Host-maalem_device",
    }
    for cookie in cookies:
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= parts, cookie
        assert not any(part.startswith("Domain") for part in parts)
    assert client.get("/agent", base_url=HOST).status_code == 200


@pytest.mark.usefixtures("sample_people")
def test_cookies_of_a_plain_name_are_nothing_in_production(production: Flask) -> None:
    """Another host of the domain, or somebody on the line, could have set them."""
    client = production.test_client()
    client.set_cookie("language", "ar", domain="maalem.example")
    assert '<html lang="fr"' in client.get("/", base_url=HOST).text
    client.set_cookie("__Host-language", "ar", domain="maalem.example", secure=True)
    assert '<html lang="ar"' in client.get("/", base_url=HOST).text


def test_cookies_in_development_are_kept_over_http(client: FlaskClient) -> None:
    (cookie,) = list_cookies(client.get("/?language=ar"))
    assert cookie.startswith("language=ar;") and "Secure" not in cookie
