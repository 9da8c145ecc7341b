"""Reversals at the till: the PIN each time, and after some minutes somebody who agrees."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import create_app
from app.agents.agencies import NewAgency, add_agency
from app.agents.staff import NewAgent, add_agent
from app.base.operation import operation
from app.runtime import Runtime
from tests.conftest import PIN
from tests.mobile_money.conftest import BASE, HEADERS
from tests.phone import TestPhone
from tests.web.test_till import AgentTerminal, code_of, plain

FATIMA, HASSAN, AICHA = "+212600000001", "+212600000002", "+212600000005"
AGENT_PHONE = "+212600000091"
OWN_PIN, SECOND_PIN = PIN.get_secret_value(), "975310"
WHY = {"reason": "mistake", "pin": OWN_PIN}
SECOND = {"second_number": "1002", "second_pin": SECOND_PIN}

pytestmark = pytest.mark.usefixtures("sample_people")


@dataclass
class Counter:
    """A till at which deposits are made and reversed, and the database behind it."""

    till: AgentTerminal
    phone: TestPhone
    runtime: Runtime

    def deposit(self, artisan: str = HASSAN) -> str:
        self.till.get()
        assert self.till.look(code_of(self.phone, artisan)).status_code == 200
        return self.till.confirm().headers["Location"].rsplit("/", 1)[1]

    def reverse(self, receipt: str, **fields: str) -> TestResponse:
        self.till.get(f"/agent/receipts/{receipt}")
        answer = self.till.post(f"/agent/receipts/{receipt}/reverse", **fields)
        self.till.page = answer.get_data(as_text=True)
        return answer

    def wait(self, **time: float) -> None:
        self.runtime.clock.now += timedelta(**time)  # type: ignore[attr-defined]

    def send_code(self, receipt: str) -> TestResponse:
        self.till.get(f"/agent/receipts/{receipt}")
        return self.till.follow(self.till.post(f"/agent/receipts/{receipt}/reversal-code"))

    def read_code(self, phone: str = HASSAN) -> str:
        """The digits of the newest SMS with a code, as the artisan reads them out."""
        bodies = self.rows("message WHERE kind = 'reversal_code' ORDER BY id DESC", "body, phone")
        body, to = bodies[0]
        assert to == phone
        match = re.search(r"\b\d{6}\b", str(body))
        assert match
        return match[0]

    def rows(self, source: str, what: str = "*") -> list[tuple[object, ...]]:
        with self.runtime.database.connect() as connection:
            return [tuple(row) for row in connection.execute(text(f"SELECT {what} FROM {source}"))]

    def allowances(self) -> list[tuple[object, ...]]:
        return self.rows("reversal ORDER BY reversed_at", "allowance, made_by, approved_by")


@pytest.fixture
def counter(client: FlaskClient, phone: TestPhone, runtime: Runtime) -> Counter:
    with operation(runtime.database, runtime.clock(), "operator") as change:
        pin, services = SecretStr(SECOND_PIN), runtime.services
        add_agent(change, services, NewAgent("1002", "W-RABAT-01", pin, own=True))
        add_agency(change, NewAgency("W-FES-01", "Wafacash Fes", "Fes"))
        add_agent(change, services, NewAgent("2002", "W-FES-01", pin, own=True))
    till = AgentTerminal(client)
    till.get("/agent?language=fr")
    assert till.enter(pin=OWN_PIN).status_code == 200
    return Counter(till, phone, runtime)


def test_a_reversal_asks_the_pin_even_soon_after_the_deposit(counter: Counter) -> None:
    receipt = counter.deposit()
    assert 'name="pin"' in counter.till.get(f"/agent/receipts/{receipt}").get_data(as_text=True)
    for pin in ("", "111111"):
        refused = counter.reverse(receipt, reason="mistake", pin=pin)
        assert refused.status_code == 401
    assert counter.allowances() == []
    assert counter.reverse(receipt, **WHY).status_code == 303
    assert counter.allowances() == [("alone", "agent:1001", None)]


def test_wrong_pins_at_a_reversal_lock_the_agent(counter: Counter) -> None:
    receipt = counter.deposit()
    for _ in range(5):
        assert counter.reverse(receipt, reason="mistake", pin="111111").status_code == 401
    assert counter.reverse(receipt, **WHY).status_code == 423
    assert counter.allowances() == []


def test_an_agent_is_alone_for_some_minutes_only(counter: Counter) -> None:
    first, second = counter.deposit(HASSAN), counter.deposit(FATIMA)
    counter.wait(minutes=10)
    assert counter.reverse(first, **WHY).status_code == 303
    counter.wait(seconds=1)
    refused = counter.reverse(second, **WHY)
    assert refused.status_code == 403
    assert "il faut une deuxième personne" in plain(counter.till.page)
    assert len(counter.allowances()) == 1


def test_an_agent_never_reverses_alone_what_another_took(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.till.post("/agent/sign-out")
    assert counter.till.enter("1002", SECOND_PIN).status_code == 200
    assert counter.reverse(receipt, reason="mistake", pin=SECOND_PIN).status_code == 403
    assert counter.allowances() == []
    taker = {"second_number": "1001", "second_pin": OWN_PIN}
    allowed = counter.reverse(receipt, reason="mistake", pin=SECOND_PIN, **taker)
    assert allowed.status_code == 303
    assert counter.allowances() == [("second_agent", "agent:1002", "agent:1001")]


def test_a_second_agent_allows_it_later_with_both_names_in_the_books(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    page = counter.till.get(f"/agent/receipts/{receipt}").get_data(as_text=True)
    assert 'name="second_number"' in page and 'name="second_pin"' in page
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 303
    assert counter.allowances() == [("second_agent", "agent:1001", "agent:1002")]
    names = "made_by, approved_by"
    booked = counter.rows("ledger_transaction WHERE event = 'reversal'", names)
    assert booked == [("agent:1001", "agent:1002")]
    audited = counter.rows("audit_event WHERE action = 'reversal'", "actor, approved_by, details")
    assert audited[0][:2] == ("agent:1001", "agent:1002")
    assert audited[0][2]["allowance"] == "second_agent"  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("number", "pin"),
    [
        ("1001", OWN_PIN),
        ("1002", "111111"),
        ("1002", ""),
        ("2002", SECOND_PIN),
        ("9999", SECOND_PIN),
        ("١٠٠١", OWN_PIN),
    ],
    ids=["oneself", "wrong PIN", "no PIN", "another agency", "unknown", "oneself otherwise"],
)
def test_a_second_agent_is_another_one_of_the_agency_with_the_own_pin(
    counter: Counter, number: str, pin: str
) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    refused = counter.reverse(receipt, **WHY, second_number=number, second_pin=pin)
    assert refused.status_code == 403
    assert "il faut un autre agent de votre agence" in plain(counter.till.page)
    assert counter.allowances() == []


def test_signing_in_anew_gives_no_more_tries_of_a_colleagues_pin(counter: Counter) -> None:
    """And the colleague's own doors stay open: at this till, and at any other."""
    receipt = counter.deposit()
    counter.wait(minutes=15)
    wrong = {"second_number": "1002", "second_pin": "531975"}
    for _ in range(2):
        for _ in range(3):
            assert counter.reverse(receipt, **WHY, **wrong).status_code == 403
        counter.till.follow(counter.till.post("/agent/sign-out"))
        assert counter.till.enter().status_code == 200
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 403
    ((doors, locks),) = counter.rows("agent_lock WHERE number = '1002'", "count(*), max(locks)")
    assert (doors, locks) == (1, 1)
    counter.till.follow(counter.till.post("/agent/sign-out"))
    assert counter.till.enter("1002", SECOND_PIN).status_code == 200


def test_the_artisans_code_allows_it_once(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    counter.send_code(receipt)
    assert 'name="artisan_code"' in counter.till.page
    code = counter.read_code()
    assert counter.reverse(receipt, **WHY, artisan_code=code).status_code == 303
    assert counter.allowances() == [("artisan_code", "agent:1001", None)]
    used = counter.rows("reversal_code", "used_at, code_digest")
    assert used[0][0] is not None and code.encode() not in bytes(used[0][1])  # type: ignore[arg-type]
    again = counter.reverse(receipt, **WHY, artisan_code=code)
    assert again.status_code == 409
    assert "Paiement annulé" in plain(counter.till.page)
    assert len(counter.allowances()) == 1


def test_a_code_is_of_one_deposit_and_lives_ten_minutes(counter: Counter) -> None:
    first, second = counter.deposit(HASSAN), counter.deposit(FATIMA)
    counter.wait(minutes=20)
    counter.send_code(first)
    code = counter.read_code()
    assert counter.reverse(second, **WHY, artisan_code=code).status_code == 403
    counter.wait(minutes=10)
    assert counter.reverse(first, **WHY, artisan_code=code).status_code == 403
    assert counter.allowances() == []


def test_a_code_takes_three_tries_and_a_deposit_three_codes(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    for _ in range(3):
        counter.send_code(receipt)
        code = counter.read_code()
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        for _ in range(3):
            assert counter.reverse(receipt, **WHY, artisan_code=wrong).status_code == 403
        assert counter.reverse(receipt, **WHY, artisan_code=code).status_code == 403
    counter.till.get(f"/agent/receipts/{receipt}")
    assert counter.till.post(f"/agent/receipts/{receipt}/reversal-code").status_code == 429
    assert counter.allowances() == []


def test_no_other_code_is_sent_while_one_is_live(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    counter.send_code(receipt)
    code = counter.read_code()
    counter.send_code(receipt)
    assert len(counter.rows("message WHERE kind = 'reversal_code'")) == 1
    assert counter.reverse(receipt, **WHY, artisan_code=code).status_code == 303


def test_the_code_goes_to_the_register_phone_and_never_to_an_agent(counter: Counter) -> None:
    """Whoever asked for the code of another may be the agent: the artisan's own phone is told."""
    receipt = counter.deposit()
    with counter.runtime.database.begin() as connection:
        connection.execute(
            text("UPDATE artisan SET phone = :to WHERE phone = :was"),
            {"to": AGENT_PHONE, "was": HASSAN},
        )
    counter.wait(minutes=20)
    page = counter.till.get(f"/agent/receipts/{receipt}").get_data(as_text=True)
    assert "reversal-code" not in page
    refused = counter.till.post(f"/agent/receipts/{receipt}/reversal-code")
    assert refused.status_code == 409
    assert counter.rows("message WHERE kind = 'reversal_code'") == []


def test_an_artisan_without_a_phone_gets_no_code(counter: Counter) -> None:
    receipt = counter.deposit()
    with counter.runtime.database.begin() as connection:
        connection.execute(text("UPDATE artisan SET phone = NULL WHERE phone = :p"), {"p": HASSAN})
    counter.wait(minutes=20)
    counter.till.get(f"/agent/receipts/{receipt}")
    assert counter.till.post(f"/agent/receipts/{receipt}/reversal-code").status_code == 409


def test_an_agent_reverses_so_many_a_day(counter: Counter) -> None:
    for _ in range(5):
        assert counter.reverse(counter.deposit(), **WHY).status_code == 303
    receipt = counter.deposit()
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 403
    assert "c'est la limite" in plain(counter.till.page)
    counter.wait(minutes=20)
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 403
    assert len(counter.allowances()) == 5


def test_a_dismissed_agent_is_no_second_one(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    with counter.runtime.database.begin() as connection:
        connection.execute(text("UPDATE agent SET active = false WHERE number = '1002'"))
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 403


def test_a_reversal_by_the_network_tells_the_agent(counter: Counter) -> None:
    receipt = counter.deposit()
    headers = HEADERS | {"X-CorrelationID": "6f1f5f9e-6d8e-4a6e-9d8c-1f6a4d1f2b3c"}
    client = create_app(counter.runtime).test_client()
    path = f"{BASE}/transactions/{receipt}/reversals"
    assert client.post(path, json={"type": "reversal"}, headers=headers).status_code == 201
    ((to, body),) = counter.rows("message WHERE kind = 'deposit_reversed'", "phone, body")
    assert to == AGENT_PHONE
    assert receipt in str(body) and "663,90 DH" in str(body) and "par le réseau" in str(body)
    shown = plain(counter.till.get("/agent/day").get_data(as_text=True))
    assert "Paiement annulé par le réseau" in shown
    assert counter.allowances() == [("network", "client:demo-wafacash", None)]


def test_an_agents_own_reversal_is_told_to_the_artisan_alone(counter: Counter) -> None:
    assert counter.reverse(counter.deposit(), **WHY).status_code == 303
    assert counter.rows("message WHERE kind = 'deposit_reversed'") == []
    assert len(counter.rows("message WHERE kind = 'reversal'")) == 1


def test_a_repeated_request_says_that_it_was_done(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 303
    assert counter.reverse(receipt, **WHY, **SECOND).status_code == 409
    counter.wait(minutes=20)
    assert counter.reverse(receipt, **WHY).status_code == 409
    assert len(counter.allowances()) == 1


def read_cells(line: str) -> list[str]:
    """The cells of a printed table's line."""
    return re.split(" {2,}", line.strip())


def test_reversals_are_listed_for_the_office_and_counted(counter: Counter) -> None:
    refused = REGISTRY.get_sample_value(
        "maalem_reversals_refused_total", {"reason": "reversal_not_alone"}
    )
    first, second = counter.deposit(HASSAN), counter.deposit(FATIMA)
    assert counter.reverse(first, **WHY).status_code == 303
    counter.wait(minutes=20)
    assert counter.reverse(second, **WHY).status_code == 403
    assert counter.reverse(second, **WHY, **SECOND).status_code == 303
    runner = create_app(counter.runtime).test_cli_runner()
    listed = json.loads(runner.invoke(args=["reversals", "list", "--json"]).output)
    assert [(row["receipt"], row["allowance"], row["minutes"]) for row in listed] == [
        (first, "alone", 0),
        (second, "second_agent", 20),
    ]
    assert listed[1]["approved_by"] == "agent:1002" and listed[1]["total"] == "163.52"
    of_second = runner.invoke(args=["reversals", "list", "--agent", "1002", "--json"]).output
    assert [row["receipt"] for row in json.loads(of_second)] == [second]
    table = runner.invoke(args=["reversals", "list"], env={"COLUMNS": "200"}).output
    shown = [read_cells(line) for line in table.splitlines()]
    headings = next(cells for cells in shown if "receipt" in cells)
    of_first = next(cells for cells in shown if first in cells)
    # The last cell is empty: nobody agreed to it.
    named = dict(zip(headings, [*of_first, ""], strict=True))
    assert (named["taken by"], named["total"], named["how"]) == ("1001", "663.90", "alone")
    now_refused = REGISTRY.get_sample_value(
        "maalem_reversals_refused_total", {"reason": "reversal_not_alone"}
    )
    assert now_refused == (refused or 0) + 1
    figures = counter.till.client.get("/metrics").get_data(as_text=True)
    for allowance in ("alone", "second_agent"):
        assert f'maalem_reversals_today{{allowance="{allowance}"}} 1.0' in figures


def test_another_agency_uses_up_no_try_of_an_artisans_code(counter: Counter) -> None:
    receipt = counter.deposit()
    counter.wait(minutes=20)
    counter.send_code(receipt)
    code = counter.read_code()
    counter.till.post("/agent/sign-out")
    counter.till.enter("2002", SECOND_PIN)
    stranger = {"reason": "mistake", "pin": SECOND_PIN, "artisan_code": "000000"}
    for _ in range(3):
        assert (
            counter.till.post(f"/agent/receipts/{receipt}/reverse", **stranger).status_code == 404
        )
    counter.till.post("/agent/sign-out")
    counter.till.enter(pin=OWN_PIN)
    assert counter.reverse(receipt, **WHY, artisan_code=code).status_code == 303


def test_a_phone_that_an_agent_proved_gets_no_code_of_a_reversal(counter: Counter) -> None:
    """The agent could be the one who reads it: without the register's phone the office decides."""
    other = "+212600000099"
    counter.phone.dial(other, "1*100002*01011982")
    receipt = counter.deposit(other)
    with counter.runtime.database.begin() as connection:
        connection.execute(text("UPDATE artisan SET phone = NULL WHERE rna_number = '100002'"))
        proof = "UPDATE artisan_phone SET way = 'agent', proven_at = identified_at"
        connection.execute(text(proof))
    counter.wait(minutes=20)
    refused = counter.till.post(f"/agent/receipts/{receipt}/reversal-code")
    assert refused.status_code == 409
    assert counter.rows("message WHERE kind = 'reversal_code'") == []
