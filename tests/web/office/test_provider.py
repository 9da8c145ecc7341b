"""Signing in by another organisation's account, at a real provider of identities that runs here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from joserfc.errors import JoseError
from pydantic import SecretStr
from werkzeug.test import TestResponse

from app import create_app
from app.base.operation import operation
from app.office.attempts import ProviderAttempt
from app.office.authenticators import begin_authenticator, enrol_authenticator
from app.office.errors import IdentityTaken
from app.office.identities import tie_identity, untie_identity
from app.office.provider import IdentityProvider
from app.office.service import dismiss_office_user
from app.runtime import Runtime
from tests.conftest import free_port
from tests.people_of_office import add_person, run_command
from tests.production import production_settings

HERE, BACK = "https://maalem.example", "/office/sign-in/provider/back"
SUBJECT = "00u1-amina"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that nobody else knows, with whoever says a subject."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    address = f"http://localhost:{port}"
    for _ in range(200):
        try:
            requests.get(f"{address}/.well-known/openid-configuration", timeout=1)
            break
        except requests.ConnectionError:
            time.sleep(0.05)
    yield address
    process.terminate()
    process.wait()


@pytest.fixture
def office(runtime: Runtime, issuer: str) -> Iterator[Flask]:
    """A production that knows the provider; http is for this machine alone."""
    settings = production_settings(runtime).model_copy(
        update={
            "oidc_issuer": issuer,
            "oidc_client_id": "maalem",
            "oidc_client_secret": SecretStr("a-secret-of-the-provider"),
            "oidc_factor_acr": ("urn:card",),
        }
    )
    own = Runtime(settings, clock=runtime.clock)
    # The provider's clock is the true one.
    runtime.clock.now = datetime.now(UTC)  # type: ignore[attr-defined]
    add_person(own, "amina", "helpdesk")
    with operation(own.database, own.clock(), "karim") as change:
        tie_identity(change, "amina", issuer, SUBJECT)
    yield create_app(own)
    own.database.dispose()
    own.office_database.dispose()


def runtime_of(app: Flask) -> Runtime:
    runtime: Runtime = app.extensions["maalem"]
    return runtime


def ask(browser: FlaskClient) -> str:
    """The address at the provider to which the browser is sent."""
    answer = browser.get("/office/sign-in/provider", base_url=HERE)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def sign_at_provider(address: str, subject: str = SUBJECT, **claims: object) -> str:
    """The way back, as the provider says it of whoever signed in there."""
    host = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    stored = requests.put(f"{host}/users/{subject}", json=claims, timeout=5)
    assert stored.ok, stored.text
    sent = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=5)
    assert sent.status_code == 302, sent.text
    return sent.headers["Location"]


def come_back(browser: FlaskClient, address: str) -> TestResponse:
    parts = urlsplit(address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{HERE}{BACK}"
    return browser.get(f"{BACK}?{parts.query}", base_url=HERE)


def test_a_tied_user_with_a_factor_proven_there_is_in(office: Flask) -> None:
    browser = office.test_client()
    address = ask(browser)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"] and len(asked["code_challenge"][0]) == 43
    assert asked["response_type"] == ["code"] and asked["scope"] == ["openid"]
    assert len(asked["state"][0]) == len(asked["nonce"][0]) == 64
    back = sign_at_provider(address, amr=["pwd", "mfa"])
    answer = come_back(browser, back)
    assert (answer.status_code, answer.location) == (303, "/office")
    assert browser.get("/office", base_url=HERE).status_code == 200
    # The same answer again, in this browser and in another.
    for again in (browser, office.test_client()):
        assert come_back(again, back).status_code == 403
    come_back(browser, sign_at_provider(ask(browser), acr="urn:card"))
    assert browser.get("/office", base_url=HERE).status_code == 200


def test_without_a_factor_proven_there_our_own_is_asked(office: Flask) -> None:
    browser = office.test_client()
    assert come_back(browser, sign_at_provider(ask(browser), amr=["pwd"])).status_code == 303
    assert browser.get("/office", base_url=HERE).location == "/office/account"
    own = runtime_of(office)
    with operation(own.database, own.clock(), "amina") as change:
        secret = begin_authenticator(change, own.keys, "amina")
        code = pyotp.TOTP(secret).at(int(own.clock().timestamp()) - 30)
        assert enrol_authenticator(change, own.keys, "amina", code)
    browser = office.test_client()
    come_back(browser, sign_at_provider(ask(browser), acr="urn:password"))
    page = browser.get("/office", base_url=HERE)
    assert page.status_code == 401 and 'name="otp"' in page.text
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    code = pyotp.TOTP(secret).at(int(own.clock().timestamp()))
    fields = {"csrf_token": token, "otp": code}
    referer = {"Referer": f"{HERE}/office"}
    entered = browser.post("/office/sign-in", data=fields, base_url=HERE, headers=referer)
    assert entered.status_code == 303
    assert browser.get("/office", base_url=HERE).status_code == 200


def test_nobody_is_made_and_a_dismissed_user_is_refused(office: Flask, issuer: str) -> None:
    own = runtime_of(office)

    def enter(subject: str) -> TestResponse:
        browser = office.test_client()
        return come_back(browser, sign_at_provider(ask(browser), subject, amr=["mfa"]))

    stranger = enter("00u2-nobody")
    assert stranger.status_code == 403 and "office=" not in stranger.headers.get("Set-Cookie", "")
    add_person(own, "driss", "cnss")
    with operation(own.database, own.clock(), "karim") as change, pytest.raises(IdentityTaken):
        tie_identity(change, "driss", issuer, SUBJECT)
    with operation(own.database, own.clock(), "karim") as change:
        tie_identity(change, "driss", issuer, "00u3")
        untie_identity(change, "driss")
        dismiss_office_user(change, "amina")
    assert enter("00u3").status_code == 403
    assert enter(SUBJECT).status_code == 403


CHANGES: tuple[Callable[[str], str], ...] = (
    lambda back: re.sub("state=[0-9a-f]", "state=x", back),
    lambda back: re.sub("state=[^&]*", "", back),
    lambda back: re.sub("code=[^&]*", "code=wrong", back),
    lambda back: re.sub("code=[^&]*", "error=access_denied", back),
    lambda back: f"{back}&iss=https://another.example",
)


def test_an_answer_that_is_none_to_our_question_is_refused(office: Flask) -> None:
    for change in CHANGES:
        browser = office.test_client()
        answer = come_back(browser, change(sign_at_provider(ask(browser), amr=["mfa"])))
        assert answer.status_code == 403 and 'name="password"' in answer.text
        assert browser.get("/office", base_url=HERE).status_code == 401


def test_an_answer_in_another_browser_signs_nobody_in(office: Flask) -> None:
    """An attacker's own answer, sent to a victim as a link."""
    attacker, victim = office.test_client(), office.test_client()
    back = sign_at_provider(ask(attacker), amr=["mfa"])
    ask(victim)
    assert come_back(victim, back).status_code == 403


def test_a_token_for_somebody_else_or_another_question_is_refused(
    office: Flask, issuer: str
) -> None:
    """Issuer, audience and nonce are looked at, not the signature alone."""
    own = runtime_of(office)
    good = own.identity_provider
    assert good is not None
    metadata, keys = good._read_documents()
    attempt = ProviderAttempt.draw(own.random, 0)
    code = parse_qs(urlsplit(sign_at_provider(good.write_request(attempt, HERE))).query)["code"][0]
    token = good._exchange(metadata, attempt, HERE, code)
    assert good._check(token, keys, attempt.nonce)["sub"] == SUBJECT
    others = {
        "client": IdentityProvider(issuer, ("another", SecretStr("x")), (), own.clock),
        "issuer": IdentityProvider(f"{issuer}/", ("maalem", SecretStr("x")), (), own.clock),
    }
    for other in others.values():
        with pytest.raises(JoseError, match="claim"):
            other._check(token, keys, attempt.nonce)
    head, body, _ = token.split(".")
    for forged in (f"{head}.{body}.", f"eyJhbGciOiJub25lIn0.{body}.", "", "x"):
        with pytest.raises((JoseError, ValueError)):
            good._check(forged, keys, attempt.nonce)
    with pytest.raises(JoseError, match="claim"):
        good._check(token, keys, "another nonce")


def test_a_provider_that_is_away_leaves_the_password(office: Flask, issuer: str) -> None:
    own = runtime_of(office)
    away = IdentityProvider(
        f"http://localhost:{free_port()}", ("maalem", SecretStr("x")), (), own.clock
    )
    own.identity_provider = away  # type: ignore[misc]
    for _ in range(2):
        answer = office.test_client().get("/office/sign-in/provider", base_url=HERE)
        assert answer.status_code == 503 and 'name="password"' in answer.text
        # Back again, it is not asked at once: whoever waits for it holds a place of the office.
        away.issuer = issuer
    away._away_until = 0.0
    assert ask(office.test_client()).startswith(issuer)


def test_without_a_provider_there_is_no_such_page(app: Flask, client: FlaskClient) -> None:
    assert "/office/sign-in/provider" not in client.get("/office/sign-in").text
    assert client.get("/office/sign-in/provider").status_code == 404
    refused = run_command(app, "office", "tie-identity", "amina", SUBJECT, "--by", "karim")
    assert refused.exit_code == 1 and "OIDC_ISSUER is not set" in refused.output
