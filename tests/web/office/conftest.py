"""People of the office who are signed in at its pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

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
    """Posts a form as a browser does, with the token of the page on which it stands."""
    page = browser.get("/office").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return browser.post(address, data={"csrf_token": token, **fields})
