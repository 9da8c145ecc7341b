"""Signing in at the office: what is asked, what is refused, and what an attacker tries."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.base.operation import operation
from app.office.authenticators import begin_authenticator, enrol_authenticator
from app.office.rules import OfficeScope
from app.office.service import (
    NewOfficeUser,
    add_office_user,
    change_office_user,
    dismiss_office_user,
)
from app.runtime import Runtime
from app.web.office import account
from tests.people_of_office import add_person, secret_of
from tests.web.office.conftest import SignIn, post

FIRST = "one-time-tea-and-mint"


class Desk:
    """A browser at which somebody of the office sits, in production."""

    def __init__(self, app: Flask) -> None:
        self.browser = app.test_client()
        self.app = app

    def get(self, address: str) -> TestResponse:
        return self.browser.get(address, base_url="https://maalem.example")

    def post(self, address: str, **fields: str) -> TestResponse:
        token = read_token(self.get("/office/sign-in")) or read_token(self.get("/office/account"))
        token = token or read_token(self.get("/office/account/password"))
        return self.browser.post(
            address,
            data={"csrf_token": token, **fields},
            base_url="https://maalem.example",
            headers={"Referer": "https://maalem.example/office"},
        )

    def sign_in(self, name: str, password: str = "", **more: str) -> TestResponse:
        return self.post("/office/sign-in", name=name, password=password or secret_of(name), **more)

    @property
    def token(self) -> str:
        """The token of the session's cookie."""
        cookie = self.browser.get_cookie("__Host-office", domain="maalem.example")
        assert cookie is not None and cookie.secure and cookie.http_only and cookie.path == "/"
        return cookie.value

    def steal(self, token: str) -> Desk:
        """Another browser with a copy of a token."""
        thief = Desk(self.app)
        thief.browser.set_cookie("__Host-office", token, domain="maalem.example", secure=True)
        return thief

    def enrol(self) -> str:
        """Enrols an authenticator app; returns its secret."""
        page = self.get("/office/account/authenticator").text
        secret = re.search(r'class="secret">([A-Z2-7]+)<', page)
        assert secret and "<svg" in page
        return secret[1]


def read_token(answer: TestResponse) -> str:
    return answer.text.partition('name="csrf_token" value="')[2].partition('"')[0]


@pytest.fixture
def desk(production: Flask) -> Desk:
    return Desk(production)


@pytest.fixture
def code(runtime: Runtime) -> Callable[..., str]:
    def at(secret: str, steps: int = 0) -> str:
        return pyotp.TOTP(secret).at(int(runtime.clock().timestamp()) + 30 * steps)

    return at


def move_on(runtime: Runtime, **time: float) -> None:
    runtime.clock.now = runtime.clock() + timedelta(**time)  # type: ignore[attr-defined]


@pytest.fixture
def enrolled(desk: Desk, runtime: Runtime, code: Callable[..., str]) -> str:
    """The secret of amina's app, enrolled some minutes ago."""
    add_person(runtime, "amina", "helpdesk")
    keys = desk.app.extensions["maalem"].keys
    with operation(runtime.database, runtime.clock(), "amina") as change:
        secret = begin_authenticator(change, keys, "amina")
        assert enrol_authenticator(change, keys, "amina", code(secret))
    move_on(runtime, minutes=3)
    return secret


def test_a_new_user_changes_the_password_then_enrols_and_only_then_is_in(
    desk: Desk, runtime: Runtime, code: Callable[..., str]
) -> None:
    with operation(runtime.database, runtime.clock(), "karim") as change:
        new = NewOfficeUser("amina", "operator", OfficeScope(), SecretStr(FIRST))
        add_office_user(change, new)
    assert desk.sign_in("amina", FIRST).status_code == 303
    tokens = [desk.token]
    for address in (
        "/office",
        "/office/account",
        "/office/account/authenticator",
    ):
        assert desk.get(address).location == "/office/account/password", address
    own = "barley-and-olive-oil"
    change_it = "/office/account/password"
    assert desk.post(change_it, old=FIRST, new=own, again="x" + own).status_code == 400
    assert desk.post(change_it, old="wrong", new=own, again=own).status_code == 401
    assert desk.post(change_it, old=FIRST, new="short", again="short").status_code == 400
    assert desk.post(change_it, old=FIRST, new=own, again=own).status_code == 303
    tokens.append(desk.token)
    for address in ("/office", change_it):
        assert desk.get(address).location == "/office/account", address
    assert desk.post("/office/account/recovery-codes", password=own).location == "/office/account"
    secret = desk.enrol()
    assert desk.post("/office/account/authenticator", otp="000000").status_code == 401
    shown = desk.post("/office/account/authenticator", otp=code(secret))
    assert shown.status_code == 200 and len(re.findall(r"<li><code", shown.text)) == 10
    assert shown.headers["Cache-Control"] == "no-store"
    tokens.append(desk.token)
    assert desk.get("/office").status_code == 200
    assert not re.search(r"<li><code", desk.get("/office/account").text)
    # At each stage another token; the ones before open nothing.
    assert len(set(tokens)) == 3
    assert [desk.steal(token).get("/office").status_code for token in tokens] == [401, 401, 200]


def test_the_code_comes_with_the_password_or_after_it_and_is_good_once(
    desk: Desk, runtime: Runtime, enrolled: str, code: Callable[..., str]
) -> None:
    for together in (True, False):
        move_on(runtime, minutes=2)
        otp, first, second = code(enrolled), Desk(desk.app), Desk(desk.app)
        for here in (first, second):
            if together:
                answer = here.sign_in("amina", otp=otp)
            else:
                asked = here.sign_in("amina")
                assert asked.status_code == 200 and 'name="otp"' in asked.text
                assert here.get("/office").status_code == 401
                answer = here.post("/office/sign-in", otp=otp)
            # Watched over a shoulder, the second one is late.
            assert answer.status_code == (303 if here is first else 401)
        assert first.get("/office").status_code == 200
        assert second.get("/office").status_code == 401


def test_codes_are_not_tried_out_over_many_sessions(
    desk: Desk, runtime: Runtime, enrolled: str, code: Callable[..., str]
) -> None:
    """Who knows the password begins anew each time; the count goes on."""
    statuses = []
    for _ in range(4):
        here = Desk(desk.app)
        here.sign_in("amina")
        statuses += [here.post("/office/sign-in", otp=f"{n:06}").status_code for n in range(2)]
    # Paused, nobody is half in: there is nothing that a code could open.
    assert statuses == [401] * 5 + [429] + [401] * 2
    assert Desk(desk.app).sign_in("amina", otp=code(enrolled)).status_code == 429
    move_on(runtime, minutes=16)
    assert Desk(desk.app).sign_in("amina", otp=code(enrolled)).status_code == 303


def test_a_name_that_is_nobodys_answers_as_a_users_does(desk: Desk, runtime: Runtime) -> None:
    add_person(runtime, "amina", "helpdesk")
    add_person(runtime, "driss", "helpdesk")
    with operation(runtime.database, runtime.clock(), "karim") as change:
        dismiss_office_user(change, "driss")
    told = {}
    for name in ("amina", "nobody", "driss"):
        answers = [Desk(desk.app).sign_in(name, "not this one") for _ in range(6)]
        pages = [re.sub(r'value="[^"]*"', "", answer.text) for answer in answers]
        told[name] = [answer.status_code for answer in answers], pages
    assert told["amina"] == told["nobody"] == told["driss"]
    assert told["amina"][0] == [401] * 5 + [429]


def test_a_recovery_code_opens_once_and_its_owner_sees_it_used(
    desk: Desk, runtime: Runtime, enrolled: str, code: Callable[..., str]
) -> None:
    assert desk.sign_in("amina", otp=code(enrolled)).status_code == 303
    assert desk.post("/office/account/recovery-codes", password="wrong").status_code == 401
    page = desk.post("/office/account/recovery-codes", password=secret_of("amina")).text
    codes = re.findall(r"<code dir=\"ltr\">([a-z0-9-]+)<", page)
    desk.post("/office/sign-out")

    def enter(_: int) -> int:
        return Desk(desk.app).sign_in("amina", otp=codes[2]).status_code

    with ThreadPoolExecutor(3) as many:
        assert sorted(many.map(enter, range(3))) == [303, 401, 401]
    assert desk.sign_in("amina", otp=codes[0]).status_code == 303
    assert desk.get("/office/account").text.count(" · utilisé ") == 2


def test_a_factor_is_removed_with_the_password_and_ends_every_session(
    desk: Desk, runtime: Runtime, enrolled: str, code: Callable[..., str]
) -> None:
    assert desk.sign_in("amina", otp=code(enrolled)).status_code == 303
    remove = "/office/account/factors/remove"
    assert desk.post(remove, factor="authenticator", password="wrong").status_code == 401
    assert desk.get("/office").status_code == 200
    for factor in ("1", "9" * 18, "9" * 30, "", "passkey"):
        answer = desk.post(remove, factor=factor, password=secret_of("amina"))
        assert answer.status_code == 404, factor
    answer = desk.post(remove, factor="authenticator", password=secret_of("amina"))
    assert answer.location == "/office/sign-in"
    assert desk.get("/office").status_code == 401
    desk.sign_in("amina")
    assert desk.get("/office").location == "/office/account"


def test_a_stolen_cookie_opens_nothing_once_its_session_has_ended(
    desk: Desk, runtime: Runtime, enrolled: str, code: Callable[..., str]
) -> None:
    add_person(runtime, "karim")

    def end(why: str) -> None:
        if why == "signed_out":
            desk.post("/office/sign-out")
            return
        with operation(runtime.database, runtime.clock(), "karim") as change:
            if why == "changed":
                change_office_user(change, "amina", "cnss", OfficeScope())
            else:
                dismiss_office_user(change, "amina")

    for why in ("half_open", "signed_out", "changed", "dismissed"):
        move_on(runtime, minutes=2)
        if why == "half_open":
            assert desk.sign_in("amina").status_code == 200
            thief = desk.steal(desk.token)
            assert thief.get("/office").status_code == 401
            desk.post("/office/sign-in", otp=code(enrolled))
            assert desk.get("/office").status_code == 200
        else:
            assert desk.sign_in("amina", otp=code(enrolled)).status_code == 303, why
            thief = desk.steal(desk.token)
            assert thief.get("/office").status_code == 200
            end(why)
        assert thief.get("/office").status_code == 401, why


def test_who_is_dismissed_between_question_and_act_does_not_act(
    sign_in: SignIn, app: Flask, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session was good when the request came in; the act itself looks again."""
    browser = sign_in("helpdesk")
    before = account.here

    def dismiss_meanwhile() -> object:
        with operation(runtime.database, runtime.clock(), "office") as change:
            dismiss_office_user(change, "helpdesk")
        monkeypatch.setattr(account, "here", before)
        return before()

    monkeypatch.setattr(account, "here", dismiss_meanwhile)
    answer = post(browser, "/office/account/sessions/1/end")
    assert answer.status_code == 401
    with runtime.database.connect() as connection:
        ended = connection.execute(text("SELECT ended_by FROM office_session")).scalars().all()
    assert ended == ["dismissal"]


def test_sessions_are_seen_and_ended_by_their_owner_alone(
    app: Flask, sign_in: SignIn, runtime: Runtime
) -> None:
    here, there, other = sign_in("helpdesk"), sign_in("helpdesk"), sign_in("operator")
    ends = re.findall(r"/office/account/sessions/(\d+)/end", here.get("/office/account").text)
    assert len(ends) == 1
    address = f"/office/account/sessions/{ends[0]}/end"
    assert post(other, address).status_code == 404
    assert there.get("/office").status_code == 200
    assert post(here, f"/office/account/sessions/{9**30}/end").status_code == 404
    assert post(here, address).status_code == 303
    assert there.get("/office").status_code == 401
    assert here.get("/office").status_code == 200


def test_a_sign_in_needs_its_form_and_leads_to_no_other_site(
    client: FlaskClient, sample_people: None
) -> None:
    fields = {"name": "helpdesk", "password": "helpdesk"}
    assert client.post("/office/sign-in", data=fields).status_code == 400
    for name in ("next", "place", "url", "return"):
        answer = post(
            client, f"/office/sign-in?{name}=//evil.example", **fields, **{name: "//evil.example"}
        )
        assert answer.location == "/office"
        post(client, "/office/sign-out")


def test_a_second_sign_in_in_a_browser_leaves_the_first_session_for_good(
    app: Flask, sign_in: SignIn, runtime: Runtime
) -> None:
    """Two tabs: the token of before, kept by whoever planted it, opens nothing."""
    browser = sign_in("helpdesk")
    planted = browser.get_cookie("office")
    token = browser.get("/office").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "name": "operator", "password": "operator"}
    assert browser.post("/office/sign-in", data=fields).status_code == 303
    copy = app.test_client()
    assert planted is not None
    copy.set_cookie("office", planted.value)
    assert copy.get("/office").status_code == 401
    with runtime.database.connect() as connection:
        seats = connection.execute(text("SELECT count(DISTINCT seat), count(*) FROM office_seat"))
        assert seats.one() == (1, 2)  # one browser, both names: one person


def test_strangers_pause_nobody_in_a_browser_where_they_signed_in_before(
    desk: Desk, runtime: Runtime
) -> None:
    add_person(runtime, "amina", "helpdesk")
    assert desk.sign_in("amina").status_code == 303
    desk.post("/office/sign-out")
    stranger = Desk(desk.app)
    tries = [stranger.sign_in("amina", "not this one").status_code for _ in range(6)]
    assert tries == [401] * 5 + [429]
    assert desk.sign_in("amina", "not this one").status_code == 401
    assert desk.sign_in("amina").status_code == 303
    # Known is known to one name; and wrong ones there are counted too.
    tries = [desk.sign_in("amina", "not this one").status_code for _ in range(6)]
    assert tries == [401] * 5 + [429]
