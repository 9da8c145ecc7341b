"""The till's sessions and doors: what ends them, what strangers cannot do, whose PIN it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.agents.agency_file import SAMPLE_AGENCIES
from app.agents.staff import choose_pin
from app.base.operation import operation
from app.runtime import Runtime
from tests.conftest import AGENCY, AGENT, PIN
from tests.database import wait_for_a_lock
from tests.phone import TestPhone
from tests.web.test_till import (
    FATIMA,
    UNKNOWN_CODE,
    AgentTerminal,
    code_of,
    deposits,
    field,
    plain,
)

pytestmark = pytest.mark.usefixtures("sample_people")
RIGHT, WRONG, OTHER = PIN.get_secret_value(), "975310", "482915"
Command = Callable[..., str]


@pytest.fixture
def run(app: Flask) -> Command:
    """Runs `flask agents` with these words; returns its output."""

    def run_command(*words: str) -> str:
        result = app.test_cli_runner().invoke(args=["agents", *words])
        assert result.exit_code == 0, result.output
        return str(result.output)

    return run_command


@pytest.fixture
def browser(app: Flask) -> Callable[[], AgentTerminal]:
    """Makes another browser, which nobody signed in on."""

    def make() -> AgentTerminal:
        till = AgentTerminal(app.test_client())
        till.get("/agent?language=fr")
        return till

    return make


@pytest.fixture
def till(browser: Callable[[], AgentTerminal]) -> AgentTerminal:
    """A till on which agent 1001 is signed in."""
    till = browser()
    assert till.enter().status_code == 200
    return till


def copy_of(till: AgentTerminal, app: Flask) -> AgentTerminal:
    """A browser with a copy of the till's session cookie, and its page."""
    cookie = till.client.get_cookie("session")
    assert cookie
    copy = AgentTerminal(app.test_client(), till.page)
    copy.client.set_cookie("session", cookie.value)
    return copy


def alert(answer: TestResponse) -> tuple[int, str]:
    found = re.search(r'role="alert".*?</div>', answer.get_data(as_text=True), re.S)
    return answer.status_code, plain(found[0]) if found else ""


def look(till: AgentTerminal) -> int:
    return till.post("/agent/code", code=UNKNOWN_CODE).status_code


def acts(runtime: Runtime, subject: str = f"agent:{AGENT}") -> list[str]:
    with runtime.database.connect() as connection:
        rows = connection.execute(
            text("SELECT action FROM audit_event WHERE subject = :subject ORDER BY id"),
            {"subject": subject},
        )
        return list(rows.scalars())


# What ends a session


def test_sign_out_ends_the_session_and_every_copy_of_it(
    till: AgentTerminal, app: Flask, runtime: Runtime, phone: TestPhone
) -> None:
    till.look(code_of(phone, FATIMA))
    copy = copy_of(till, app)
    assert look(copy) == 404
    till.look(code_of(phone, FATIMA))
    copy = copy_of(till, app)
    till.follow(till.post("/agent/sign-out"))
    assert copy.confirm().status_code == 401
    assert deposits(runtime) == 0
    assert acts(runtime)[-2:] == ["agent_signed_in", "agent_signed_out"]


def test_signing_in_anew_ends_the_session_of_before_and_its_copies(
    till: AgentTerminal, app: Flask
) -> None:
    copy = copy_of(till, app)
    till.follow(till.post("/agent/sign-in", number=AGENT, pin=RIGHT))
    assert look(till) == 404
    assert look(copy) == 401


def test_a_sign_in_with_a_pin_that_is_replaced_meanwhile_opens_nothing(
    browser: Callable[[], AgentTerminal], runtime: Runtime
) -> None:
    stranger = browser()
    with ThreadPoolExecutor(1) as other:
        with operation(runtime.database, runtime.clock(), "agent:1001") as change:
            own = change.connection.execute(text("SELECT id FROM agent")).scalar_one()
            choose_pin(change, runtime.services, own, SecretStr(OTHER))
            entering = other.submit(stranger.enter)
            wait_for_a_lock(runtime.database)
        assert entering.result().status_code == 401
    with runtime.database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM agent_session")).scalar_one() == 0


def test_a_new_pin_ends_every_other_session(
    till: AgentTerminal, browser: Callable[[], AgentTerminal], app: Flask, runtime: Runtime
) -> None:
    other, copy = browser(), copy_of(till, app)
    assert other.enter().status_code == 200
    till.get("/agent/pin")
    assert alert(till.choose_pin(OTHER, pin=WRONG))[0] == 401
    assert alert(till.choose_pin("123456", pin=RIGHT))[0] == 400
    assert alert(till.choose_pin(OTHER, pin=RIGHT, new_pin_again="482916"))[0] == 400
    assert alert(till.choose_pin(RIGHT, pin=RIGHT))[0] == 400
    assert look(other) == 404
    assert till.choose_pin(OTHER, pin=RIGHT).request.path == "/agent"
    assert (look(till), look(other), look(copy)) == (404, 401, 401)
    assert browser().enter().status_code == 401
    assert browser().enter(pin=OTHER).status_code == 200
    assert "agent_pin_changed" in acts(runtime)


@pytest.mark.parametrize("words", [("dismiss", AGENT), ("sessions", AGENT, "--end")])
def test_the_office_ends_an_agents_sessions_at_once(
    till: AgentTerminal, run: Command, words: tuple[str, ...]
) -> None:
    assert look(till) == 404
    run(*words)
    assert look(till) == 401


def test_a_closed_agency_ends_its_agents_sessions_for_good(
    till: AgentTerminal, run: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = SAMPLE_AGENCIES.read_text("utf-8").splitlines()
    path = tmp_path_factory.mktemp("agencies") / "agencies.csv"
    for active in ("no", "yes"):
        changed = [
            f"{line.rpartition(',')[0]},{active}" if line.startswith(f"{AGENCY},") else line
            for line in lines
        ]
        path.write_text("\n".join(changed) + "\n", "utf-8")
        run("import-agencies", str(path))
        assert look(till) == 401
    assert till.enter().status_code == 200


def test_a_session_is_listed_while_it_is_open(till: AgentTerminal, run: Command) -> None:
    assert '"sessions": 1' in run("list", "--json")
    assert run("sessions", AGENT, "--json").count("began_at") == 1
    till.follow(till.post("/agent/sign-out"))
    assert run("sessions", AGENT, "--json").strip() == "[]"


@pytest.mark.parametrize(
    "sql", ["UPDATE agent SET active = false", "UPDATE agency SET active = false"]
)
def test_the_api_takes_no_cash_under_an_agent_who_may_take_none(
    client: FlaskClient, phone: TestPhone, runtime: Runtime, sql: str
) -> None:
    code = code_of(phone, FATIMA)
    with runtime.database.begin() as connection:
        connection.execute(text(sql))
    answer = _pay_by_api(client, code)
    assert (answer.status_code, answer.get_json()["errorCode"]) == (
        401, "requestingPartyAuthorisationError",
    )  # fmt: skip
    assert answer.get_json()["errordescription"] == "no agent of yours now"
    assert deposits(runtime) == 0
    with runtime.database.begin() as connection:
        connection.execute(text(sql.replace("false", "true")))
    assert _pay_by_api(client, code).status_code == 201  # nothing else was in the way


def _pay_by_api(client: FlaskClient, code: str) -> TestResponse:
    return client.post(
        f"/mm/v1.2/bills/{code}/payments",
        json={
            "amountPaid": "163.52",
            "currency": "MAD",
            "requestingOrganisationTransactionReference": "W-1",
            "metadata": [{"key": "agentId", "value": AGENT}],
        },
        headers={
            "X-Client-Id": "demo-wafacash",
            "X-API-Key": "demo-key",
            "X-CorrelationID": str(uuid4()),
        },
    )


# A PIN again before money moves


def test_an_idle_till_asks_the_pin_before_it_books(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    till.look(code_of(phone, FATIMA))
    runtime.clock.now += timedelta(minutes=11)  # type: ignore[attr-defined]
    key = field(till.page, "key")
    asked = till.follow(till.confirm())
    assert asked.status_code == 401 and "Entrez votre PIN" in plain(till.page)
    assert field(till.page, "key") == key
    assert till.follow(till.confirm(pin=WRONG)).status_code == 401
    # Looking again does not make the till fresh.
    till.get("/agent/code")
    assert till.follow(till.confirm()).status_code == 401
    assert deposits(runtime) == 0
    assert till.confirm(pin=RIGHT).status_code == 303
    assert deposits(runtime) == 1


def test_a_till_in_use_is_not_asked_again(
    till: AgentTerminal, phone: TestPhone, runtime: Runtime
) -> None:
    till.look(code_of(phone, FATIMA))
    runtime.clock.now += timedelta(minutes=5)  # type: ignore[attr-defined]
    assert till.confirm().status_code == 303


# Doors


def test_a_stranger_locks_out_neither_the_till_nor_the_phone(
    till: AgentTerminal,
    browser: Callable[[], AgentTerminal],
    phone: TestPhone,
    runtime: Runtime,
) -> None:
    till.follow(till.post("/agent/sign-out"))
    stranger = browser()
    for _ in range(6):
        assert stranger.enter(pin=WRONG).status_code == 401
    assert stranger.enter().status_code == 401
    assert till.enter().status_code == 200
    code = code_of(phone, FATIMA)
    assert "Encaissé 163,52 DH" in phone.dial("+212600000091", f"1*{code}*1*{RIGHT}")
    assert deposits(runtime) == 1


def test_unknown_and_locked_answer_alike_to_a_device_that_is_not_known(
    browser: Callable[[], AgentTerminal],
) -> None:
    stranger = browser()
    answers = [alert(stranger.enter(pin=WRONG)) for _ in range(6)]
    answers += [alert(stranger.enter()), alert(stranger.enter("9999", RIGHT))]
    assert len(set(answers)) == 1 and answers[0][0] == 401


def test_a_known_device_has_tries_of_its_own_and_hears_of_its_lock(
    till: AgentTerminal, browser: Callable[[], AgentTerminal], run: Command
) -> None:
    till.follow(till.post("/agent/sign-out"))
    for _ in range(5):
        assert till.enter(pin=WRONG).status_code == 401
    assert till.enter().status_code == 423
    assert "Guichet fermé jusqu'au" in plain(till.page)
    assert browser().enter().status_code == 200
    assert '"locked": ["device"]' in run("list", "--json")
    assert "1 door " in run("unlock", AGENT)
    assert till.enter().status_code == 200


def test_a_made_up_device_cookie_is_not_known(
    till: AgentTerminal, browser: Callable[[], AgentTerminal]
) -> None:
    cookie = till.client.get_cookie("maalem_device")
    assert cookie and cookie.http_only and AGENT not in cookie.value
    forged = browser()
    value = f"{cookie.value[:-2]}AA"
    forged.client.set_cookie("maalem_device", value)
    for _ in range(5):
        forged.enter(pin=WRONG)
    assert forged.enter().status_code == 401
    till.follow(till.post("/agent/sign-out"))
    assert till.enter().status_code == 200


# A one-time PIN


def test_the_first_sign_in_chooses_a_pin_before_anything_else(
    browser: Callable[[], AgentTerminal], run: Command, runtime: Runtime
) -> None:
    printed = re.search(r"one-time PIN: (\d{6,})", run("add", "1002", "--agency", AGENCY))
    assert printed
    till = browser()
    assert till.enter("1002", printed[1]).request.path == "/agent/pin"
    for path in ("/agent", "/agent/code", "/agent/day"):
        assert till.get(path).request.path == "/agent/pin"
    till.get("/agent/pin")
    assert till.post("/agent/code", code=UNKNOWN_CODE).headers["Location"] == "/agent/pin"
    assert alert(till.choose_pin("100210"))[0] == 400
    assert alert(till.choose_pin(printed[1]))[0] == 400
    assert till.choose_pin(OTHER).request.path == "/agent"
    assert look(till) == 404
    assert browser().enter("1002", printed[1]).status_code == 401
    assert acts(runtime, "agent:1002") == [
        *("agent_added", "agent_signed_in", "agent_pin_chosen", "agent_signed_in"),
    ]
