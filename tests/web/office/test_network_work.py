"""A network's desk: its file, what differs, two people, agencies and agents, systems and keys."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from html import unescape
from importlib import import_module
from io import BytesIO

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from app.agents.agencies import NewAgency, add_agency
from app.agents.clients import NewClient, add_client, draw_key
from app.agents.models import agent, api_client
from app.agents.networks import AgentNetwork, add_network
from app.agents.staff import NewAgent, add_agent
from app.base.clock import local
from app.base.errors import Unavailable
from app.base.money import Money
from app.base.operation import operation
from app.jobs.office import OfficeWork
from app.ledger.breaks import NewBreak, open_break
from app.ledger.models import reconciliation_break
from app.observe.progress import ProgressTeller, WorkProgress, find_progress
from app.reconciliation.network_file import HEADER
from app.reconciliation.uploads import MOST_BYTES
from app.runtime import Runtime
from tests.database import wait_for_a_lock
from tests.web.office.conftest import SignIn, Staff, send, tokens_of

LINE = "{reference},{code},{amount},MAD,2026-11-23T10:00:00+01:00,1001,T1,paid"


def settlement(*lines: str) -> bytes:
    return "\n".join((",".join(HEADER), *lines, "")).encode()


def one_line(reference: str = "R1", code: str = "482173059614", amount: str = "150.00") -> str:
    return LINE.format(reference=reference, code=code, amount=amount)


def give(browser, content: bytes, name: str = "day.csv", **fields: str):
    """Gives a settlement file on the page of breaks."""
    data = {**tokens_of(browser.get("/office/breaks")), **fields, "file": (BytesIO(content), name)}
    return browser.post("/office/breaks/files", data=data, content_type="multipart/form-data")


def break_of(runtime: Runtime, kind: str = "missing_here", network: str = "wafacash") -> int:
    new = NewBreak(kind, network, theirs=Money(15000), reference=f"{network}-{kind}")
    with operation(runtime.database, runtime.clock(), "worker") as change:
        return open_break(change, new)


@pytest.fixture
def barid(runtime: Runtime, sample_people: None) -> str:
    """Another network, with an agency, an agent, a system and a break."""
    with operation(runtime.database, runtime.clock(), "office") as change:
        add_network(change, AgentNetwork("barid", "Barid", "wafacash"))
        add_agency(change, NewAgency("B-FES-01", "Barid Fes", "Fès", network="barid"))
        add_agent(change, runtime.services, NewAgent("7001", "B-FES-01", SecretStr("246813")))
        add_client(change, NewClient("barid-bank", "barid", draw_key(runtime.random)))
    return "barid"


def test_a_file_is_matched_and_its_difference_settled_by_two(
    staff: Staff, runtime: Runtime
) -> None:
    amina, driss = (staff.enter(n, "wafacash", network="wafacash") for n in ("amina", "driss"))
    given = give(amina, settlement(one_line()))
    assert given.status_code == 303
    shown = amina.get(given.location)
    assert "150,00" in shown.text and "pris" in shown.text
    number = re.search(r'/office/breaks/([0-9]+)"', amina.get("/office/breaks").text)
    assert number
    page = f"/office/breaks/{number[1]}"
    assert send(amina, page, f"{page}/own").status_code == 303
    proposed = send(amina, page, f"{page}/propose", method="acknowledge", reason="seen")
    assert proposed.status_code == 303
    assert send(amina, page, f"{page}/approve").status_code == 409  # in any browser of hers
    assert "Approuver" not in amina.get(page).text
    assert send(driss, page, f"{page}/approve").status_code == 303
    assert "driss" in amina.get(page).text
    with runtime.database.connect() as connection:
        row = connection.execute(select(reconciliation_break)).one()
    assert (row.state, row.owner, row.proposed_by, row.approved_by) == (
        *("resolved", "amina"),
        *("amina", "driss"),
    )


def test_a_proposal_taken_back_is_approved_by_nobody(staff: Staff, runtime: Runtime) -> None:
    amina, driss = (staff.enter(n, "wafacash", network="wafacash") for n in ("amina", "driss"))
    page = f"/office/breaks/{break_of(runtime)}"
    send(amina, page, f"{page}/propose", method="acknowledge", reason="seen")
    ready = tokens_of(driss.get(page))
    assert send(amina, page, f"{page}/refuse", reason="a mistake").status_code == 303
    assert driss.post(f"{page}/approve", data=ready).status_code == 409


def test_a_proposal_that_another_replaced_is_not_approved_by_the_page_of_the_first(
    staff: Staff, runtime: Runtime
) -> None:
    amina, driss = (staff.enter(n, "wafacash", network="wafacash") for n in ("amina", "driss"))
    page = f"/office/breaks/{break_of(runtime)}"
    send(amina, page, f"{page}/propose", method="suspense", reason="what was read")
    read = tokens_of(driss.get(page))
    runtime.clock.now += timedelta(seconds=1)  # type: ignore[attr-defined]
    send(amina, page, f"{page}/propose", method="acknowledge", reason="another")
    for step in ("approve", "refuse"):
        refused = driss.post(f"{page}/{step}", data=read | {"reason": "read"})
        assert refused.status_code == 409 and "La proposition a changé" in refused.text
    assert send(driss, page, f"{page}/approve").status_code == 303


def test_a_form_sent_twice_acts_once(staff: Staff, runtime: Runtime) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    page = f"/office/breaks/{break_of(runtime)}"
    form = {**tokens_of(amina.get(page)), "method": "acknowledge", "reason": "seen"}
    assert amina.post(f"{page}/propose", data=form).status_code == 303
    again = amina.post(f"{page}/propose", data=form)
    assert again.status_code == 409
    assert "C&#39;est déjà fait" in again.text


def test_another_networks_things_are_not_there(staff: Staff, runtime: Runtime, barid: str) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    theirs = f"/office/breaks/{break_of(runtime, network=barid)}"
    pages = (theirs, "/office/agents/7001", "/office/agents/agencies/B-FES-01")
    for page in (*pages, "/office/networks/clients/barid-bank"):
        assert amina.get(page).status_code == 404, page
    acts = {
        f"{theirs}/own": {},
        f"{theirs}/propose": {"method": "acknowledge", "reason": "x"},
        f"{theirs}/approve": {},
        "/office/agents/7001/dismiss": {},
        "/office/agents/7001/pin": {},
        "/office/agents/7001/limits": {"code_limit": "1"},
        "/office/agents/agencies/B-FES-01": {"name": "Mine", "town": "Fès"},
        "/office/networks/clients/barid-bank/keys": {"keep_old": "0"},
        "/office/networks/clients/barid-bank/revoke": {},
        "/office/networks/clients/barid-bank/hosts": {"hosts": "evil.example"},
    }
    for address, fields in acts.items():
        sent = send(amina, "/office/breaks", address, **fields)
        assert sent.status_code == 404, address
    whole = "".join(amina.get(f"/office/{page}").text for page in ("breaks", "agents", "networks"))
    assert not re.search("barid|B-FES-01|7001", whole, re.IGNORECASE)


def test_a_number_or_code_of_another_network_is_taken_not_taken_over(
    staff: Staff, runtime: Runtime, barid: str
) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    page = "/office/agents"
    agent_form = {"number": "7001", "agency": "W-RABAT-01"}
    assert send(amina, page, "/office/agents", **agent_form).status_code == 409
    agency_form = {"code": "B-FES-01", "name": "Mine", "town": "Fès"}
    assert send(amina, page, "/office/agents/agencies", **agency_form).status_code == 409
    client_form = {"identity": "barid-bank", "bills_a_day": "1", "requests_a_minute": "1"}
    taken = send(amina, "/office/networks", "/office/networks/clients", **client_form)
    assert taken.status_code == 409
    with runtime.database.connect() as connection:
        kept = connection.execute(select(agent.c.agency_code).where(agent.c.number == "7001"))
        assert kept.scalar_one() == "B-FES-01"


def test_a_file_names_the_network_of_who_gives_it(
    staff: Staff, runtime: Runtime, barid: str
) -> None:
    driss = staff.enter("driss", "wafacash", network=barid)
    content = settlement(one_line())
    given = give(driss, content, network="wafacash")
    assert "pris" in driss.get(given.location).text
    amina = staff.enter("amina", "wafacash", network="wafacash")
    assert amina.get(given.location).status_code == 404
    refused = amina.get(give(amina, content).location)
    assert "autre réseau" in refused.text and "Barid" not in refused.text


def test_a_wrong_file_is_refused_in_words_and_leaves_nothing(
    staff: Staff, runtime: Runtime
) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    wrong = (
        (settlement(one_line(code="1")), "ligne 2 : la colonne code n'est pas juste"),
        (settlement(one_line(), "TOTAL,2,150.00,,,,,"), "le total dit 2 lignes, il y en a 1"),
        (b"PK\x03\x04" + b"0" * 40, "ce n'est pas un fichier CSV"),
    )
    for content, told in wrong:
        shown = amina.get(give(amina, content, "=cmd|'<b>.csv").location).text
        assert "<b>" not in shown
        plain = unescape(re.sub("<[^>]+>|[\u2066-\u2069]", "", shown)).replace("\xa0", " ")
        assert told in plain, plain
    with runtime.database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM settlement_file")).scalar() == 0
    assert give(amina, b"").status_code == 400


def test_a_file_beyond_the_bound_is_too_long_and_nothing_is_kept(
    staff: Staff, runtime: Runtime
) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    stranger, kind = staff.app.test_client(), "multipart/form-data; boundary=x"
    for browser, size in ((amina, MOST_BYTES + 2**17), (stranger, 2**17)):
        sent = browser.post("/office/breaks/files", data=b"0" * size, content_type=kind)
        assert sent.status_code == 413
    with runtime.database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM uploaded_file")).scalar() == 0


def test_a_large_file_is_taken_by_a_worker(
    staff: Staff, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("app.web.office.given_files"), "SMALL_BYTES", 10)
    amina = staff.enter("amina", "wafacash", network="wafacash")
    given = give(amina, settlement(one_line()))
    assert "Un programme lit ce fichier" in amina.get(given.location).text
    number = given.location.partition("?")[0].rpartition("/")[2]
    ProgressTeller(runtime.redis).begin(f"file:{number}", 4000)(4000)
    assert "4000 lignes lues sur 4000" in amina.get(given.location).text
    assert amina.get(f"{given.location}&follow=1").headers["Refresh"] == "3"
    work = OfficeWork(runtime)
    assert work._take_file() == 1
    assert find_progress(runtime.redis, f"file:{number}") == WorkProgress(2, 2)
    assert "Un programme lit ce fichier" not in amina.get(given.location).text
    assert "Refresh" not in amina.get(f"{given.location}&follow=1").headers
    assert work._take_file() == 0
    with runtime.database.connect() as connection:
        row = connection.execute(text("SELECT state, content, given_by FROM uploaded_file")).one()
    assert tuple(row) == ("taken", None, "amina")


def test_a_given_file_outlives_a_busy_and_a_lost_database(staff: Staff, runtime: Runtime) -> None:
    amina, work = staff.enter("amina", "wafacash", network="wafacash"), OfficeWork(runtime)
    ours = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with runtime.database.connect() as another, ThreadPoolExecutor(1) as beside:
        another.execute(text("SELECT FROM agent_network WHERE code = 'wafacash' FOR NO KEY UPDATE"))
        given = give(amina, settlement(one_line()))
        assert "Un programme lit ce fichier" in amina.get(given.location).text
        taking = beside.submit(work._take_file)
        wait_for_a_lock(runtime.database)
        another.execute(ours)
        with pytest.raises(Unavailable):
            taking.result()
    assert work._take_file() == 1
    assert "pris" in amina.get(given.location).text


def test_a_one_time_pin_is_shown_once(staff: Staff, runtime: Runtime) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    form = {**tokens_of(amina.get("/office/agents")), "number": "4711", "agency": "W-RABAT-01"}
    shown = amina.post("/office/agents", data=form)
    pin = re.search(r"<code>([0-9]{8})</code>", shown.text)
    assert pin and shown.headers["Cache-Control"] == "no-store"
    again = amina.post("/office/agents", data=form)
    assert again.status_code == 409 and pin[1] not in again.text
    assert pin[1] not in amina.get("/office/agents/4711").text
    page = "/office/agents/4711"
    assert send(amina, page, f"{page}/limits", code_limit="500,50").status_code == 303
    assert send(amina, page, f"{page}/dismiss").status_code == 303
    with runtime.database.connect() as connection:
        row = connection.execute(select(agent).where(agent.c.number == "4711")).one()
    assert (row.code_limit_centimes, row.active) == (50050, False)


def test_a_systems_keys_are_shown_once_and_renewed(staff: Staff, runtime: Runtime) -> None:
    amina = staff.enter("amina", "wafacash", network="wafacash")
    fields = {"identity": "first-bank", "bills_a_day": "10", "requests_a_minute": "60"}
    added = send(amina, "/office/networks", "/office/networks/clients", **fields, hosts="a.example")
    key = re.search(r"<code>([0-9a-f]{64})</code>", added.text)
    page = "/office/networks/clients/first-bank"
    assert key and key[1] not in amina.get(page).text
    renewed = send(amina, page, f"{page}/keys", keep_old="2")
    assert re.search(r"<code>[0-9a-f]{64}</code>", renewed.text) and key[1] not in renewed.text
    assert send(amina, page, f"{page}/hosts", hosts="not a host!").status_code == 400
    assert send(amina, page, f"{page}/limits", bills_a_day="5").status_code == 303
    assert send(amina, page, f"{page}/revoke").status_code == 303
    assert send(amina, "/office/networks", f"{page}/keys", keep_old="0").status_code == 404
    with runtime.database.connect() as connection:
        row = connection.execute(select(api_client).where(api_client.c.id == "first-bank")).one()
    assert (row.bills_a_day, row.network, row.revoked_at is None) == (5, "wafacash", False)


def test_those_who_only_look_find_no_way_to_act(sign_in: SignIn, runtime: Runtime) -> None:
    page = f"/office/breaks/{break_of(runtime)}"
    auditor, operator = sign_in("auditor"), sign_in("operator")
    assert 'action="/office/breaks' not in auditor.get(page).text.replace('method="get" ', "")
    assert send(auditor, page, f"{page}/own").status_code == 403
    assert send(operator, "/office/agents", "/office/agents/1001/dismiss").status_code == 403
    assert "/office/agents/1001/dismiss" not in operator.get("/office/agents/1001").text


def test_what_people_were_told_in_a_gap_is_shown_with_its_local_moment(
    staff: Staff, runtime: Runtime
) -> None:
    told = {"about": "receipt", "receipt": "10000017", "phone": "+2126…01", "artisan": 1}
    moment = {"message": "twilio SM1", "told_at": "2026-11-24T04:30:00+05:00"}
    new = NewBreak("told_in_gap", "wafacash", theirs=Money(16352), details=told | moment)
    with operation(runtime.database, runtime.clock(), "worker") as change:
        number = open_break(change, new)
    amina = staff.enter("amina", "wafacash", network="wafacash")
    page = amina.get(f"/office/breaks/{number}").text
    at = local(datetime.fromisoformat(moment["told_at"]))
    assert f"{at:%d/%m/%Y %H:%M}" in page and "T04:30" not in page
    for said in ("10000017", "+2126…01", "twilio SM1"):
        assert said in page


def test_the_table_of_breaks_goes_on_by_key(staff: Staff, runtime: Runtime) -> None:
    with operation(runtime.database, runtime.clock(), "worker") as change:
        for number in range(120):
            new = NewBreak("missing_here", "wafacash", theirs=Money(100), reference=f"K{number}")
            open_break(change, new)
    amina = staff.enter("amina", "wafacash", network="wafacash")
    address: str | None = "/office/breaks?sort=-number"
    seen: list[str] = []
    while address:
        page = amina.get(address).text
        seen += re.findall(r'<th scope="row"><a href="/office/breaks/([0-9]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(following[1]) if following else None
    assert len(seen) == len(set(seen)) == 120 and seen == sorted(seen, key=int, reverse=True)
    assert amina.get("/office/breaks/99999999999999999999").status_code == 404
