"""One of everything that a page of the office shows, and who opens the page of which address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import notices
from app.audit.lists import AuditQuery
from app.base.database import OFFICE_CONNECTIONS
from app.base.operation import operation
from app.base.phone import Phone
from app.figures.reports import NewReport, ask_for_report
from app.ledger.breaks import NewBreak, open_break
from app.messaging.consent import Consent, record_consent
from app.notices.proposals import propose_notice
from app.notices.rules import read_notice
from app.observe.hops import store_hops
from app.office.rights import RIGHTS
from app.people.calls import CALLS, CallEntry, record_call
from app.people.notes import write_note
from app.people.service import DeskAct, do_by_two
from app.runtime import Runtime
from app.text.languages import LANGUAGES
from app.web.office.frame import right_of
from tests.people_of_office import add_person, code_of, enrol_app, secret_of
from tests.phone import TestPhone
from tests.web.office.conftest import post, write_lists
from tests.web.office.test_people import AICHA, HASSAN, id_of
from tests.web.office.two_walls import build_world, list_values

# A page is walked by the first of these who may open it: one who acts there, not only reads.
WALKERS = ("analyst", "helpdesk", "chamber", "wafacash", "cnss", "operator", "auditor")
OTHER = "zineb"
# They only lead on: to the entrance, or to the sign-in of an institution.
_LEAD_ON = ("/office/sign-in", "/office/sign-in/provider", "/office/sign-in/provider/back")
_NOTICE = Path(notices.__file__).with_name("sample_notice.yaml")
# The values of an argument, by the beginning of an address; else by its name (two_walls).
Values = dict[str, object]


def build_everything(runtime: Runtime, app: Flask, engine: Engine, owner: Engine) -> Values:
    """Adds to the world of two regions what its pages show. Returns a value of each argument."""
    world = build_world(runtime, engine, owner)
    add_person(runtime, OTHER, "analyst")
    hassan = id_of(engine, HASSAN)
    phone, now = TestPhone(app.test_client()), runtime.clock()
    phone.dial(HASSAN, "1")
    phone.answer("77")
    store_hops(runtime.database, runtime.redis)
    with operation(runtime.database, now, "helpdesk") as change:
        for number in (HASSAN, AICHA):
            agreed = Consent(Phone(number), CALLS, True, "fr", "counter", number, "?")
            record_consent(change, agreed)
        write_note(change, hassan, "A écrit deux fois.\nملاحظة")
        act = DeskAct("prove", hassan, phone=Phone("+212600000098"))
        do_by_two(change, runtime.services, act)
        record_call(change, hassan, CallEntry("no_answer", None), now.date())
        refused = open_break(change, NewBreak("posting_refused", "wafacash"))
        notice = propose_notice(change, read_notice(_NOTICE.read_bytes()))
    for who, place, asked in (
        ("analyst", "/office/figures/lists", None),
        ("auditor", "/office/audit/lists", AuditQuery()),
    ):
        with operation(runtime.database, now, who) as change:
            world.numbers[place] = [ask_for_report(change, NewReport("csv", audit=asked))]
    write_lists(runtime)
    with owner.begin() as connection:
        given = connection.execute(
            text(
                "INSERT INTO uploaded_file (kind, name, bytes, given_by, given_at, content)"
                " VALUES ('cnss_answer', 'cnss.csv', 1, 'cnss', now(), '\\x00') RETURNING id"
            )
        ).scalar_one()
        campaign = connection.execute(text("SELECT name FROM campaign")).scalar_one()
    world.numbers |= {"/office/postings": [refused], "/office/postings/given": [given]}
    world.numbers |= {"/office/notices": [notice], "account": ["suspense"]}
    return {
        f"{rule.rule} {name}": list_values(world, rule, name)[0]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/office") and not rule.rule.startswith("/office/account")
        for name in rule.arguments
    } | {
        "/office/users/<name> name": OTHER,
        "/office/messages/campaigns/<name> name": campaign,
        "/office/postings/exports/<name> name": world.batch,
    }


def sign_all_in(app: Flask, language: str) -> dict[str, FlaskClient]:
    """Returns a client of each walker, whose pages are in this language."""
    clients = {}
    for who in WALKERS:
        clients[who] = _visit(app, language)
        answer = post(clients[who], "/office/sign-in", name=who, password=who)
        assert answer.status_code == 303, answer.text
    return clients


def _visit(app: Flask, language: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
    return client


def list_pages(
    app: Flask, values: Values, clients: dict[str, FlaskClient]
) -> Iterator[tuple[str, TestResponse]]:
    """Asks for every address of the office. Yields who did, and each page; a file is not one."""
    for rule in app.url_map.iter_rules():
        if rule.rule in _LEAD_ON or "GET" not in (rule.methods or ()):
            continue
        if rule.rule.startswith("/office"):
            yield from _ask(app, rule, values, clients)
    person = next(value for place, value in values.items() if place.startswith("/office/people/"))
    for who, address in (
        ("helpdesk", f"/office/people/{person}"),
        ("chamber", f"/office/people/{person}?reason=counter"),
        ("auditor", f"/office/people/{person}?reason=check"),
        *((who, "/office") for who in WALKERS),
    ):
        yield who, clients[who].get(address)


def _ask(
    app: Flask, rule: Rule, values: Values, clients: dict[str, FlaskClient]
) -> Iterator[tuple[str, TestResponse]]:
    right = right_of(app, rule.endpoint)
    who = next(role for role in WALKERS if right in RIGHTS[role])
    named = {name: values[f"{rule.rule} {name}"] for name in rule.arguments}
    address = app.url_map.bind("localhost").build(rule.endpoint, named, "GET")
    reason = "?reason=call" if address.startswith("/office/people/") else ""
    answer = clients[who].get(f"{address}{reason}")
    assert answer.status_code == 200, (who, address, answer.text)
    if "/sheets/" in address:
        yield who, clients[who].get(f"{address}{reason}&paper=roll")
    if answer.content_type.startswith("text/html"):
        yield who, answer


def list_answers(
    app: Flask, language: str, runtime: Runtime, clients: dict[str, FlaskClient]
) -> Iterator[tuple[int, TestResponse]]:
    """Sends forms, and asks for what is not to be had. Yields the status wanted, and the answer."""
    yield from _sign_in_by_two_factors(app, language, runtime)
    analyst, desk, operator = (clients[who] for who in ("analyst", "helpdesk", "operator"))
    yield 403, analyst.get("/office/people")
    yield 404, desk.get("/office/people/999999?reason=call")
    yield 404, desk.get("/office/nothing")
    yield 405, desk.put("/office/requests")
    yield 400, desk.post("/office/people", data={"q": "100002"})
    with ExitStack() as stack:
        for _ in range(OFFICE_CONNECTIONS):
            stack.enter_context(runtime.office_database.connect())
        yield 503, operator.get("/office/health")
    yield 200, post(desk, "/office/people", q="100005")
    yield 200, post(desk, "/office/people", q="not a number")
    card = {"rna": "100004", "birth_date": "02021985", "way": "card"}
    yield 404, post(clients["chamber"], "/office/counter", **card)
    added = {"name": f"Samir {language}", "role": "cnss", "once": "0" * 32}
    yield 200, post(operator, "/office/users", **added)
    yield 409, post(operator, "/office/users", **added)
    texts = {f"{code}-{part}": "Avis" for code in LANGUAGES for part in ("title", "1")}
    notice = {"name": "avis", "until": "2027-12-31", **texts}
    yield 200, post(operator, "/office/notices/preview", **notice)


def _sign_in_by_two_factors(
    app: Flask, language: str, runtime: Runtime
) -> Iterator[tuple[int, TestResponse]]:
    """Signs somebody in who has an app and changes the password and the recovery codes."""
    client, name = _visit(app, language), f"Amina {language}"
    own = secret_of(name)
    yield 401, client.get("/office")
    yield 401, post(client, "/office/sign-in", name=name, password="wrong")
    add_person(runtime, name)
    app_secret = enrol_app(runtime, name)
    yield 200, post(client, "/office/sign-in", name=name, password=own)
    yield 401, post(client, "/office/sign-in", otp="000000")
    assert post(client, "/office/sign-in", otp=code_of(runtime, app_secret, 1)).status_code == 303
    yield 200, post(client, "/office/account/recovery-codes", password=own)
    yield 400, post(client, "/office/account/password", old=own, new="short", again="short")
