"""Who holds an old, ended or forged cookie shuts no signed-in till, however many requests come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.web.places import SessionPlaces
from app.web.slots import Kind
from tests.conftest import AGENT, PIN
from tests.web.test_slots import taken
from tests.web.test_till import field

pytestmark = pytest.mark.usefixtures("sample_people")
_COOKIE = "session"


@pytest.fixture
def till(app: Flask) -> FlaskClient:
    browser = app.test_client()
    form = {"csrf_token": field(browser.get("/agent").text, "csrf_token"), "number": AGENT}
    answer = browser.post("/agent/sign-in", data=form | {"pin": PIN.get_secret_value()})
    assert answer.status_code == 303
    return browser


def _copy(app: Flask, browser: FlaskClient) -> FlaskClient:
    """Returns a stranger's browser with the cookie of another one."""
    cookie = browser.get_cookie(_COOKIE)
    assert cookie
    stranger = app.test_client()
    stranger.set_cookie(_COOKIE, cookie.value)
    return stranger


def _sign_out(browser: FlaskClient) -> None:
    form = {"csrf_token": field(browser.get("/agent").text, "csrf_token")}
    assert browser.post("/agent/sign-out", data=form).status_code == 303


@contextmanager
def _busy(app: Flask) -> Iterator[None]:
    """A time at which only who has a slot of another kind than the public's is answered."""
    with taken(app, Kind.PUBLIC, 0.4):
        yield


def test_cookie_of_a_session_that_is_over_gets_no_slot_of_the_till(
    app: Flask, till: FlaskClient
) -> None:
    """Nor does one that the server sees for the first time, beside another one such."""
    stranger = _copy(app, till)
    with _busy(app):
        assert stranger.get("/agent/day").status_code == 200
    _sign_out(till)
    with _busy(app):
        assert stranger.get("/agent/day").status_code == 503
    places: SessionPlaces = app.extensions["till places"]
    assert places.take(token_hex(16)) is not None
    with _busy(app):
        assert places.take(token_hex(16)) is None


def test_session_seen_again_after_a_restart_keeps_its_slot_beside_strangers(
    app: Flask, till: FlaskClient
) -> None:
    places: SessionPlaces = app.extensions["till places"]
    places.__init__()  # type: ignore[misc]
    assert till.get("/agent/day").status_code == 200
    assert places.take("a stranger's") is not None
    with _busy(app):
        assert till.get("/agent/day").status_code == 200


def test_one_good_session_takes_not_all_the_slots_of_the_till(app: Flask) -> None:
    places: SessionPlaces = app.extensions["till places"]
    places.note("a", good=True)
    places.note("b", good=True)
    held = [place for _ in range(20) if (place := places.take("a")) is not None]
    assert len(held) == 4 and places.take("b") is not None
    for place in held:
        places.leave(place)
    assert places.take("a") is not None


@pytest.mark.parametrize(
    "forged", ["", "x", "00000000:eyJ0b2tlbiI6IngifQ.x", "eyJ0b2tlbiI6IngifQ.x.x"]
)
def test_forged_cookie_is_a_strangers(app: Flask, forged: str) -> None:
    stranger = app.test_client()
    stranger.set_cookie(_COOKIE, forged)
    with _busy(app):
        assert stranger.get("/agent").status_code == 503
