"""Every address of the office, asked by every role: the wall alone holds, the application too."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, Table, insert, text, true
from werkzeug.test import TestResponse

from app.agents.models import agent_network
from app.figures.queries import FigureScope
from app.office.rights import RIGHTS, Right
from app.office.rules import OfficeScope
from app.people.presences import Presence
from app.runtime import Runtime
from app.web.office import calls, counter, desk, figures, people
from tests.database import Snapshot, empty
from tests.people_of_office import add_person
from tests.web.office.conftest import SignIn
from tests.web.office.two_walls import (
    ANOTHER,
    BANK_DESK,
    BARID,
    BARID_AGENT,
    NOTICE,
    ROLES,
    World,
    build_world,
    list_addresses,
    list_marks,
    read_outside,
)

# Fields by which every act would be done, were it not for the walls.
_FIELDS = {
    "reason": "call",
    "method": "acknowledge",
    "town": "Fès",
    "code_limit": "1",
    "allowed": "yes",
    "bills_a_day": "1",
    "hosts": "",
    "outcome": "called",
    "desk": "dar",
    "note": "a note",
    "phone": "0600000099",
    "topic": "bank.account",
    "calls": "yes",
    "format": "csv",
    "network": "barid",
    "number": "9999",
    "agency": "B-FES-01",
    "code": "B-FES-02",
    "identity": "another-bank",
    "rna": "100005",
    "state": "paid",
    "role": "analyst",
    "way": "card",
    "birth_date": "01/01/1985",
    "q": "0600000005",
    "double": "1",
}

# A file for every form that takes one; its agency is the other network's.
_FILE = b"code,name,town,address,weekdays,saturday,active\nB-FES-01,Souk,Rabat,,,,yes\n"
_TAKE_FILES = ("/breaks/files", "/postings/answers", "/agencies/file")

_BUILT: list[tuple[World, Snapshot]] = []


@pytest.fixture
def world(runtime: Runtime, engine: Engine, owner: Engine, sample_people: None) -> World:
    """The world as it was built: once in a test process, and copied for every other role."""
    if not _BUILT:
        world = build_world(runtime, engine, owner)
        add_person(runtime, "zineb", "analyst")
        _BUILT.append((world, Snapshot.take(owner)))
    else:
        empty(owner)
        with owner.begin() as connection:
            # Networks stay when all else is emptied, and are in no copy.
            connection.execute(insert(agent_network).values(BARID))
        _BUILT[0][1].restore(owner)
    return _BUILT[0][0]


@pytest.fixture
def wall_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what the application checks: rights, scopes, and who is present."""
    for role in RIGHTS:
        monkeypatch.setitem(RIGHTS, role, frozenset(Right))  # type: ignore[arg-type]

    def all_rows(_role: str, _scope: OfficeScope, _table: Table) -> object:
        return true()

    def be_present(_connection: Connection, number: int) -> Presence:
        later = desk.runtime().clock() + timedelta(hours=1)
        return Presence(1, number, "code", later)

    monkeypatch.setattr(desk, "own_rows", all_rows)
    monkeypatch.setattr(figures, "scope_of", lambda _opened: FigureScope())
    monkeypatch.setattr(calls, "_own_region", lambda: ANOTHER)
    monkeypatch.setattr(people, "find_own_presence", be_present)
    monkeypatch.setattr(counter, "find_own_presence", be_present)


@pytest.fixture
def application_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away the wall: every connection stays in the app's role, which sees everything."""
    for module in (desk, figures):
        monkeypatch.setattr(module, "stand_behind", lambda *_: None)


def enter(role: str, sign_in: SignIn, owner: Engine) -> FlaskClient:
    if role == BANK_DESK:
        with owner.begin() as connection:
            connection.execute(text("UPDATE office_user SET desk = 'bank' WHERE name = 'helpdesk'"))
    return sign_in("helpdesk" if role == BANK_DESK else role)


def read_text(answer: TestResponse, address: str) -> str:
    """Returns all that an answer says, without the address that was asked for and those above."""
    if "spreadsheet" in answer.content_type:
        with ZipFile(BytesIO(answer.data)) as book:
            return "".join(book.read(name).decode() for name in book.namelist())
    if not answer.content_type.startswith(("text/", "image/svg")):
        return ""
    told = f"{answer.headers.get('Location', '')}\n{answer.text}"
    while address.count("/") > 1:
        told = told.replace(address, "")
        address = address.rpartition("/")[0]
    return told


def walk(
    browser: FlaskClient, app: Flask, world: World, role: str, begin: str = "/office"
) -> list[str]:
    """Asks for every address that begins so. Returns what was shown that lies outside."""
    marks, wrong = list_marks(world, role), []
    for address in list_addresses(app, world, "GET", begin):
        asked = f"{address}?reason=call"
        answer = browser.get(asked)
        told = read_text(answer, address)
        wrong += [f"GET {address} {answer.status_code}: {mark}" for mark in marks if mark in told]
        if answer.status_code >= 500:
            wrong.append(f"GET {address} {answer.status_code}")
    page = browser.get("/office").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    for number, address in enumerate(list_addresses(app, world, "POST", begin)):
        fields = {**_FIELDS, "name": f"Other {number}", "once": f"{number:032d}"}
        fields["receipt"] = str(world.numbers["receipt"][-1])
        given = {"file": (BytesIO(_FILE), "day.csv")} if address.endswith(_TAKE_FILES) else {}
        answer = browser.post(address, data={"csrf_token": token, **fields, **given})
        told = read_text(answer, address)
        wrong += [f"POST {address} {answer.status_code}: {mark}" for mark in marks if mark in told]
        if answer.status_code >= 500:
            wrong.append(f"POST {address} {answer.status_code}")
    return wrong


def check_role(
    role: str, world: World, app: Flask, engine: Engine, owner: Engine, sign_in: SignIn
) -> None:
    wrong = list_wrong(role, world, app, engine, owner, sign_in)
    assert not wrong, "\n".join([role, *wrong])


def list_wrong(
    role: str,
    world: World,
    app: Flask,
    engine: Engine,
    owner: Engine,
    sign_in: SignIn,
    begin: str = "/office",
) -> list[str]:
    """Returns what was shown or changed outside a role's scope, at addresses that begin so."""
    browser = enter(role, sign_in, owner)
    before = read_outside(engine, world, role)
    wrong = walk(browser, app, world, role, begin)
    after = read_outside(engine, world, role)
    return wrong + [f"changed: {table}" for table in before if before[table] != after[table]]


@pytest.mark.parametrize("role", ROLES)
def test_the_wall_alone_holds(
    role: str,
    world: World,
    app: Flask,
    engine: Engine,
    owner: Engine,
    sign_in: SignIn,
    wall_alone: None,
) -> None:
    check_role(role, world, app, engine, owner, sign_in)


@pytest.mark.parametrize("role", ROLES)
def test_the_application_alone_holds(
    role: str,
    world: World,
    app: Flask,
    engine: Engine,
    owner: Engine,
    sign_in: SignIn,
    application_alone: None,
) -> None:
    check_role(role, world, app, engine, owner, sign_in)


@pytest.mark.parametrize(
    ("role", "begin", "seen"),
    [("wafacash", "/office/agents", "barid"), ("chamber", "/office/requests", "export")],
)
def test_the_walk_finds_one_check_that_is_gone_where_the_other_wall_is_off(
    role: str,
    begin: str,
    seen: str,
    world: World,
    app: Flask,
    engine: Engine,
    owner: Engine,
    sign_in: SignIn,
    application_alone: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database's wall is off, and the scope alone is not asked for: both walks would fail."""
    assert list_wrong(role, world, app, engine, owner, sign_in, begin) == []
    monkeypatch.setattr(desk, "own_rows", lambda *_: true())
    mark = world.requests.get(seen, BARID_AGENT)
    wrong = list_wrong(role, world, app, engine, owner, sign_in, begin)
    assert any(told.startswith("GET") and told.endswith(mark) for told in wrong)
    assert any(told.startswith("changed") for told in wrong)


@pytest.mark.usefixtures("application_alone")
def test_the_walk_finds_a_right_that_is_not_asked_for(
    world: World,
    app: Flask,
    engine: Engine,
    owner: Engine,
    sign_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RIGHTS, "analyst", frozenset(Right))  # type: ignore[arg-type]
    wrong = list_wrong("analyst", world, app, engine, owner, sign_in, "/office/messages")
    assert any(told.endswith(NOTICE) for told in wrong) and "changed: campaign" in wrong
