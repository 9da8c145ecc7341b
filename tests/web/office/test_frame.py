"""The office's door: who is let in, what each role may open, and when a session ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from time import sleep

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.base.database import OFFICE_CONNECTIONS, name_cause, transaction
from app.base.deadline import Deadline
from app.base.errors import Unavailable
from app.base.operation import operation
from app.office.rights import RIGHTS
from app.office.samples import SAMPLE_USERS
from app.office.service import dismiss_office_user
from app.runtime import Runtime
from app.web.access import Audience, UndeclaredRoute, audience_of, open_to
from app.web.office.frame import SECTIONS, check_rights, right_of
from tests.dropping import drop_connections
from tests.web.conftest import rules_of
from tests.web.office.conftest import SignIn, post

# What each role may open, as the contract's table says it.
OPENS = {
    "/office/figures": "analyst chamber wafacash cnss operator auditor",
    "/office/people": "chamber helpdesk auditor",
    "/office/requests": "chamber cnss helpdesk auditor",
    "/office/breaks": "wafacash auditor",
    "/office/agents": "wafacash operator auditor",
    "/office/networks": "wafacash operator auditor",
    "/office/postings": "cnss auditor",
    "/office/messages": "operator auditor",
    "/office/notices": "operator auditor",
    "/office/health": "operator auditor",
    "/office/menus": "operator auditor",
    "/office/audit": "auditor",
    "/office/users": "operator",
}


@pytest.mark.parametrize("role", [name for name in SAMPLE_USERS if name != "office"])
def test_each_role_opens_what_the_contract_says(app: Flask, sign_in: SignIn, role: str) -> None:
    browser = sign_in(role)
    served = {rule.rule for rule in app.url_map.iter_rules()}
    for address, roles in OPENS.items():
        if address in served:
            expected = 200 if role in roles.split() else 403
            assert browser.get(address).status_code == expected, (role, address)
    assert browser.get("/office").status_code == 200


def test_no_role_opens_a_route_beyond_its_rights(app: Flask, sign_in: SignIn) -> None:
    for role in RIGHTS:
        browser = sign_in(role)
        page = browser.get("/office").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        for rule, method, address in rules_of(app):
            right = right_of(app, rule.endpoint)
            if audience_of(app, rule.endpoint) is Audience.OFFICE and right not in RIGHTS[role]:
                answer = browser.open(address, method=method, data={"csrf_token": token})
                assert answer.status_code == 403, (role, method, address)


def test_nobody_is_let_in_without_a_sign_in(client: FlaskClient, sample_people: None) -> None:
    assert client.get("/office").status_code == 401
    assert client.get("/office/sign-in").status_code == 200
    client.set_cookie("office", "0" * 64)
    assert client.get("/office").status_code == 401
    wrong = post(client, "/office/sign-in", name="helpdesk", password="analyst")
    assert wrong.status_code == 401
    assert "office=" not in wrong.headers.get("Set-Cookie", "")
    assert client.post("/office/sign-in", data={"name": "helpdesk"}).status_code == 400


def test_a_page_waits_longer_for_the_database_than_a_phone(
    sign_in: SignIn, runtime: Runtime, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = sign_in("helpdesk")
    monkeypatch.setattr(runtime, "deadline", Deadline(1.0, threads=1))
    with ThreadPoolExecutor(1) as other:
        with owner.begin() as connection:
            connection.execute(text("LOCK TABLE office_session"))
            slow = other.submit(browser.get, "/office")
            sleep(2)
        assert slow.result().status_code == 200


def test_a_cause_of_unavailable_is_the_server_s_code_or_the_pool(runtime: Runtime) -> None:
    with pytest.raises(Unavailable) as slow, transaction(runtime.office_database) as connection:
        connection.execute(text("SET LOCAL statement_timeout = 10"))
        connection.execute(text("SELECT pg_sleep(1)"))
    with ExitStack() as stack:
        for _ in range(OFFICE_CONNECTIONS):
            stack.enter_context(runtime.office_database.connect())
        with pytest.raises(Unavailable) as full, transaction(runtime.office_database):
            pass
    assert [name_cause(one.value) for one in (slow, full)] == ["57014", "TimeoutError"]


def test_a_page_opens_although_the_connections_were_dropped(
    sign_in: SignIn, runtime: Runtime
) -> None:
    browser = sign_in("helpdesk")
    drop_connections(runtime)
    assert browser.get("/office").status_code == 200
    drop_connections(runtime)
    assert post(browser, "/office/sign-out").status_code == 303


def test_samples_open_nothing_in_production(production: Flask, sample_people: None) -> None:
    browser = production.test_client()
    answer = post(browser, "/office/sign-in", name="helpdesk", password="helpdesk")
    assert answer.status_code == 401


def test_a_session_ends_with_sign_out_for_every_copy_of_its_token(sign_in: SignIn) -> None:
    browser = sign_in("helpdesk")
    cookie = browser.get_cookie("office")
    assert cookie is not None
    copy = browser.application.test_client()
    copy.set_cookie("office", cookie.value)
    assert copy.get("/office").status_code == 200
    assert post(browser, "/office/sign-out").status_code == 303
    assert browser.get("/office").status_code == copy.get("/office").status_code == 401


def test_a_session_ends_when_idle_after_a_day_and_at_dismissal(
    sign_in: SignIn, runtime: Runtime
) -> None:
    clock, began = runtime.clock, runtime.clock()
    idle, worked, dismissed = sign_in("helpdesk"), sign_in("analyst"), sign_in("cnss")
    with operation(runtime.database, began, "office") as change:
        dismiss_office_user(change, "cnss")
    assert dismissed.get("/office").status_code == 401
    for minutes in range(20, 720, 20):
        clock.now = began + timedelta(minutes=minutes)  # type: ignore[attr-defined]
        assert worked.get("/office").status_code == 200
    assert idle.get("/office").status_code == 401
    clock.now = began + timedelta(hours=12)  # type: ignore[attr-defined]
    assert worked.get("/office").status_code == 401


def test_a_switch_of_language_keeps_what_was_asked(sign_in: SignIn) -> None:
    browser = sign_in("auditor")
    page = browser.get("/office/audit?which=looks&endpoint=x&_scheme=y&said=z")
    assert page.status_code == 200
    kept = "/office/audit?which=looks&endpoint=x&_scheme=y"
    assert f"{kept}&language=ar".replace("&", "&amp;") in page.text
    switched = browser.get(f"{kept}&language=ar")
    assert (switched.status_code, switched.location) == (303, kept)


def test_sections_are_named_once() -> None:
    assert len({words for _, _, words in SECTIONS}) == len(SECTIONS)


def test_a_view_without_a_right_does_not_start(app: Flask) -> None:
    bare = Flask("bare", static_folder=None)
    bare.add_url_rule("/open", "open", open_to(Audience.OFFICE)(lambda: ""))
    with pytest.raises(UndeclaredRoute, match="/open"):
        check_rights(bare)
    check_rights(app)
