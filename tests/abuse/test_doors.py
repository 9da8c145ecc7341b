"""Strangers at agents' doors (points 10 and 11): lock-outs as a weapon, sessions that outlive."""

from __future__ import annotations

import pytest
import requests
from sqlalchemy import text

from app.agents.staff import dismiss_agent
from app.base.operation import operation
from app.runtime import Runtime
from tests.abuse.browsers import Browser, Handset
from tests.conftest import AGENT, PIN
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.payments.conftest import Books, PaymentFixture

FATIMA, AGENTS_PHONE = "+212600000001", "+212600000091"
RIGHT, WRONG = PIN.get_secret_value(), "975310"


def read(runtime: Runtime, sql: str) -> int:
    with runtime.database.connect() as connection:
        return int(connection.execute(text(sql)).scalar_one())


def test_wrong_pins_of_strangers_lock_the_agent_out_of_nothing(
    live_server: str, runtime: Runtime, payments: PaymentFixture, books: Books
) -> None:
    """The till where the agent signed in before, and the agent's phone, stay open."""
    own = Browser(live_server)
    assert own.enter(AGENT, RIGHT).status_code == 303
    for _ in range(8):
        assert Browser(live_server).enter(AGENT, WRONG).status_code in {401, 429}
    # A stranger with the right PIN learns nothing from a locked door.
    assert Browser(live_server).enter(AGENT, RIGHT).status_code in {401, 429}
    own.post("/agent/sign-out")
    assert own.enter(AGENT, RIGHT).status_code == 303
    code = payments.issue(FATIMA).code
    assert "Encaissé " in Handset(live_server, AGENTS_PHONE).dial("1", code, "1", RIGHT)
    assert read(runtime, "SELECT count(*) FROM deposit") == 1


def test_wrong_pins_on_the_phone_leave_the_till_open(
    live_server: str, payments: PaymentFixture
) -> None:
    code, phone = payments.issue(FATIMA).code, Handset(live_server, AGENTS_PHONE)
    screen = phone.dial("1", code, "1", *[step for _ in range(6) for step in (WRONG, "1")])
    assert "Payé" not in screen
    assert Browser(live_server).enter(AGENT, RIGHT).status_code == 303


@pytest.mark.usefixtures("payments")
def test_an_unknown_number_is_answered_like_a_locked_one(live_server: str) -> None:
    """Word by word, the number that was typed aside."""

    def try_often(number: str) -> list[tuple[int, str]]:
        told = []
        for _ in range(7):
            answer = Browser(live_server).enter(number, WRONG)
            words = answer.text.partition('role="alert"')[2].partition("</div>")[0]
            told.append((answer.status_code, words))
        return told

    assert try_often(AGENT) == try_often("9009")


def test_a_copied_cookie_is_worth_nothing_after_sign_out(
    live_server: str, runtime: Runtime, payments: PaymentFixture
) -> None:
    till = Browser(live_server)
    assert till.enter(AGENT, RIGHT).status_code == 303
    thief, code = till.copy(), payments.issue(FATIMA).code
    assert thief.get("/agent/day").status_code == 200
    assert till.post("/agent/sign-out").status_code == 303
    assert thief.get("/agent/day").status_code == 401
    assert thief.post("/agent/confirm", code=code, key="k" * 32).status_code in {400, 401}
    assert read(runtime, "SELECT count(*) FROM deposit") == 0


def test_a_dismissed_agent_is_out_at_once_at_till_and_phone(
    live_server: str, runtime: Runtime, payments: PaymentFixture
) -> None:
    till, code = Browser(live_server), payments.issue(FATIMA).code
    assert till.enter(AGENT, RIGHT).status_code == 303
    with operation(runtime.database, runtime.clock(), "office") as change:
        dismiss_agent(change, AGENT)
    assert till.get("/agent/day").status_code == 401
    assert till.enter(AGENT, RIGHT).status_code == 401
    assert "Payé" not in Handset(live_server, AGENTS_PHONE).dial("1", code, "1", RIGHT)
    assert read(runtime, "SELECT count(*) FROM deposit") == 0


def test_a_lock_grows_with_every_attack_and_leaves_the_known_device_open(
    live_server: str, runtime: Runtime, payments: PaymentFixture
) -> None:
    """Hours pass in the table, and minutes in Redis: a server's own clock cannot be moved."""
    own, lengths = Browser(live_server), []
    length = "SELECT round(extract(epoch FROM locked_until - tried_at)) FROM agent_lock"
    assert own.enter(AGENT, RIGHT).status_code == 303
    for _ in range(2):
        runtime.redis.flushdb()
        for _ in range(5):
            assert Browser(live_server).enter(AGENT, WRONG).status_code == 401
        lengths.append(read(runtime, length))
        with runtime.database.begin() as connection:
            over = "UPDATE agent_lock SET locked_until = now() - interval '1 minute'"
            connection.execute(text(over))
    assert lengths == [30 * 60, 60 * 60]
    own.post("/agent/sign-out")
    assert own.enter(AGENT, RIGHT).status_code == 303


def test_a_closed_agency_takes_no_cash_at_any_door(
    live_server: str, runtime: Runtime, payments: PaymentFixture
) -> None:
    till, code = Browser(live_server), payments.issue(FATIMA).code
    assert till.enter(AGENT, RIGHT).status_code == 303
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE agency SET active = false"))
    assert till.post("/agent/confirm", code=code, key="k" * 32).status_code in {400, 401}
    assert till.enter(AGENT, RIGHT).status_code == 401
    assert "Payé" not in Handset(live_server, AGENTS_PHONE).dial("1", code, "1", RIGHT)
    body = payment("163.52", metadata=[{"key": "agentId", "value": AGENT}])
    url = f"{live_server}{BASE}/bills/{code}/payments"
    assert requests.post(url, json=body, headers=HEADERS, timeout=30).status_code in {400, 401}
    assert read(runtime, "SELECT count(*) FROM deposit") == 0


def test_a_new_pin_ends_the_thief_s_session_and_the_old_pin(
    live_server: str, runtime: Runtime, payments: PaymentFixture
) -> None:
    thief, own, code = Browser(live_server), Browser(live_server), payments.issue(FATIMA).code
    assert thief.enter(AGENT, RIGHT).status_code == 303
    assert own.enter(AGENT, RIGHT).status_code == 303
    own.get("/agent/pin")
    chosen = {"pin": RIGHT, "new_pin": "482915", "new_pin_again": "482915"}
    assert own.post("/agent/pin", **chosen).status_code == 303
    assert thief.post("/agent/confirm", code=code, key="k" * 32).status_code in {400, 401}
    assert thief.get("/agent/day").status_code == 401
    assert thief.enter(AGENT, RIGHT).status_code == 401
    assert "Payé" not in Handset(live_server, AGENTS_PHONE).dial("1", code, "1", RIGHT)
    assert own.get("/agent/day").status_code == 200
    assert read(runtime, "SELECT count(*) FROM deposit") == 0
