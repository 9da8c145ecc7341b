"""The office's slots, connections and files are of who is signed in, however many strangers ask."""

from __future__ import annotations

from contextlib import ExitStack
from io import BytesIO
from secrets import token_hex

import pytest
from flask import Flask

from app import create_app
from app.base.database import OFFICE_CONNECTIONS
from app.runtime import Runtime
from app.web.office import upload_places
from app.web.places import SessionPlaces
from app.web.slots import Kind
from tests.web.office.conftest import SignIn, post, tokens_of
from tests.web.test_slots import taken


def test_made_up_cookie_of_the_office_gets_no_slot_of_the_office(
    app: Flask, sign_in: SignIn
) -> None:
    """Beside another one such: one at a time is looked up. One that is over gets none at all."""
    own, places = sign_in("operator"), app.extensions["office places"]
    stranger = app.test_client()
    stranger.set_cookie("office", token_hex(32))
    with taken(app, Kind.PUBLIC, 0.4):
        assert own.get("/office").status_code == 200
        assert stranger.get("/office").status_code == 401
        assert stranger.get("/office").status_code == 503
        other = places.take(token_hex(32))
        assert other is not None
        assert own.get("/office").status_code == 200
        places.leave(other)
    assert post(own, "/office/sign-out").status_code == 303


def test_strangers_wait_for_the_public_s_connections_and_not_for_the_office_s(
    app: Flask, runtime: Runtime, sign_in: SignIn
) -> None:
    own, stranger = sign_in("operator"), app.test_client()
    stranger.set_cookie("office", token_hex(32))
    places: SessionPlaces = app.extensions["office places"]
    other = places.take(token_hex(32))
    assert other is not None
    with ExitStack() as held:
        held.callback(places.leave, other)
        for _ in range(OFFICE_CONNECTIONS):
            held.enter_context(runtime.office_database.connect())
        assert stranger.get("/office").status_code == 401
        assert own.get("/office").status_code == 503


_FILE = "/office/breaks/files"


@pytest.mark.parametrize("who", [None, "analyst"])
def test_file_of_nobody_who_may_give_it_is_no_longer_than_a_form(
    app: Flask, sign_in: SignIn, who: str | None
) -> None:
    browser = sign_in(who) if who else app.test_client()
    if who is None:
        browser.set_cookie("office", token_hex(32))
    long = {"file": (BytesIO(b"x" * 100_000), "day.csv")}
    assert browser.post(_FILE, data=long).status_code == 413
    network = sign_in("wafacash")
    given = {"file": (BytesIO(b"x" * 100_000), "day.csv"), **tokens_of(network.get(_FILE))}
    assert network.post(_FILE, data=given).status_code == 303


def test_only_so_many_files_come_in_at_once(app: Flask, sign_in: SignIn) -> None:
    network = sign_in("wafacash")
    tokens = tokens_of(network.get(_FILE))

    def give() -> int:
        long = {"file": (BytesIO(b"x" * 100_000), "day.csv"), **tokens}
        return network.post(_FILE, data=long).status_code

    while upload_places._PLACES.acquire(blocking=False):
        pass
    try:
        assert give() == 413
    finally:
        for _ in range(upload_places._AT_ONCE):
            upload_places._PLACES.release()
    assert give() == 303


@pytest.mark.parametrize(
    ("serves", "answered"),
    [("phones", {"/ussd/generic"}), ("office", {"/office/sign-in", "/figures"})],
)
def test_process_answers_what_it_serves_alone(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, serves: str, answered: set[str]
) -> None:
    own = runtime.settings.model_copy(update={"serves": (serves,)})
    monkeypatch.setattr(runtime, "settings", own)
    asked = ("/ussd/generic", "/office/sign-in", "/figures", "/agent", "/mm/v1.2/heartbeat")
    client = create_app(runtime).test_client()
    assert {path for path in asked if client.get(path).status_code != 404} == answered
    assert client.get("/healthz").status_code == 200 and client.get("/").status_code == 200
