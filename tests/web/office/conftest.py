"""People of the office who are signed in at its pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.figures.reports import write_asked_reports
from app.observe.progress import ProgressTeller
from app.runtime import Runtime
from tests.people_of_office import add_person, secret_of

SignIn = Callable[[str], FlaskClient]


@pytest.fixture
def sign_in(app: Flask, sample_people: None) -> SignIn:
    """Signs one of development's users in, whose password is the name; returns the browser."""

    def enter(name: str) -> FlaskClient:
        browser = app.test_client()
        answer = post(browser, "/office/sign-in", name=name, password=name)
        assert answer.status_code == 303, answer.text
        return browser

    return enter


def post(browser: FlaskClient, address: str, **fields: str) -> TestResponse:
    """Posts a form as a browser does, with the tokens of the page on which it stands."""
    page = browser.get("/office").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return browser.post(address, data={"csrf_token": token, "once": token_hex(16), **fields})


@dataclass(frozen=True)
class Staff:
    """People of the office beside the samples, each in a browser of their own."""

    app: Flask

    def enter(self, name: str, role: str, **scope: str) -> FlaskClient:
        """Adds somebody with this role, and signs them in."""
        add_person(self.app.extensions["maalem"], name, role, **scope)
        browser = self.app.test_client()
        answer = post(browser, "/office/sign-in", name=name, password=secret_of(name))
        assert answer.status_code == 303, answer.text
        return browser


@pytest.fixture
def staff(app: Flask, sample_people: None) -> Staff:
    return Staff(app)


def send(browser: FlaskClient, page: str, address: str, /, **fields: object) -> TestResponse:
    """Sends a form that stands on `page`, with the tokens of that page, as a browser does."""
    return browser.post(address, data={**tokens_of(browser.get(page)), **fields})


def tokens_of(page: TestResponse) -> dict[str, str]:
    """The hidden fields of a page's forms: of the session, of the first form that acts once.

    And of the proposal that it shows.
    """
    found = {}
    for name in ("csrf_token", "once", "proposed_at"):
        found[name] = page.text.partition(f'name="{name}" value="')[2].partition('"')[0]
    return {name: value for name, value in found.items() if value}


def write_lists(runtime: Runtime) -> int:
    """Writes the lists that were asked for, as a worker does."""
    teller = ProgressTeller(runtime.redis)
    return write_asked_reports(runtime.database, runtime.figures_database, runtime.clock(), teller)
