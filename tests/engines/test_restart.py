"""PostgreSQL was restarted, or says nothing: what payments, pages and a worker make of it."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.base.deadline import Deadline
from app.base.errors import Unavailable
from app.jobs.outages import OutageWatch
from app.jobs.worker import Worker
from app.observe.outages import find_database_away
from app.runtime import Runtime
from tests.conftest import AGENT, PIN, TestClock, load_sample_people
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.pg_servers import PgServer
from tests.phone import TestPhone
from tests.web.test_till import field

FATIMA = "+212600000001"
_RESTING = 4
pytestmark = pytest.mark.xdist_group("own PostgreSQL")


@pytest.fixture
def restarted(
    runtime: Runtime, primary: PgServer, app_url: str, tmp_path: Path
) -> Iterator[Runtime]:
    """The sample people on a server that a test restarts."""
    settings = runtime.settings.model_copy(update={"database_url": app_url})
    maalem = Runtime(settings, clock=TestClock())
    for shared in ("words", "ussd", "redis", "deadline"):
        maalem.__dict__[shared] = getattr(runtime, shared)
    load_sample_people(maalem, tmp_path)
    yield maalem
    maalem.database.dispose()


def restart(maalem: Runtime, primary: PgServer) -> None:
    """Opens some connections that rest then, and restarts the server."""
    with ExitStack() as all_at_once:
        for _ in range(_RESTING):
            all_at_once.enter_context(maalem.database.connect())
    primary.kill()
    primary.start("fsync=off", "wal_level=replica")


def sign_in(browser: FlaskClient) -> None:
    form = {"csrf_token": field(browser.get("/agent").text, "csrf_token"), "number": AGENT}
    answer = browser.post("/agent/sign-in", data=form | {"pin": PIN.get_secret_value()})
    assert answer.status_code == 303


def show_bill(client: FlaskClient) -> tuple[str, dict[str, object]]:
    """Asks for a code by phone; returns where it is paid, and with what."""
    code = "".join(re.findall(r"\d{4}", TestPhone(client).dial(FATIMA, "2*1"))[:3])
    bills = client.get(f"{BASE}/accounts/linkref/{code}/bills", headers=HEADERS)
    return f"{BASE}/bills/{code}/payments", payment(bills.json[0]["amountDue"])  # type: ignore[index]


def test_a_restart_costs_no_payment_and_no_page(restarted: Runtime, primary: PgServer) -> None:
    client, till = create_app(restarted).test_client(), create_app(restarted).test_client()
    sign_in(till)
    path, told = show_bill(client)
    identity = HEADERS | {"X-CorrelationID": str(uuid4())}
    restart(restarted, primary)
    assert client.post(path, headers=identity, json=told).status_code == 201
    restart(restarted, primary)
    assert till.get("/agent/day").status_code == 200


def test_a_commit_without_an_answer_is_not_told_as_done_and_is_done_once(
    restarted: Runtime, primary: PgServer
) -> None:
    """The standby that has to have it is gone: the server has committed, and says nothing."""
    client = create_app(restarted).test_client()
    path, told = show_bill(client)
    identity = HEADERS | {"X-CorrelationID": str(uuid4())}
    restarted.__dict__["deadline"] = Deadline(1.5, threads=1)
    wait_for(primary, "gone")
    try:
        for _ in range(2):
            began = time.monotonic()
            assert client.post(path, headers=identity, json=told).status_code == 503
            assert time.monotonic() - began < 3
    finally:
        wait_for(primary, "")
    answers = [client.post(path, headers=identity, json=told) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert primary.run("SELECT count(*) FROM deposit") == [(1,)]


def test_a_worker_leaves_a_server_that_hangs(
    restarted: Runtime, primary: PgServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.worker._HANGS_SECONDS", 0.5)
    restarted.__dict__["deadline"] = Deadline(0.5, threads=1)
    worker = Worker(restarted)
    for turn in (worker._send, worker._answer):
        with restarted.database.connect():
            primary.signal(signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                turn()
        finally:
            primary.signal(signal.SIGCONT)
            restarted.deadline.lift_limit()


def test_a_server_that_hangs_is_noted_as_away(restarted: Runtime, primary: PgServer) -> None:
    restarted.__dict__["deadline"] = Deadline(0.5, threads=1)
    watch, began = OutageWatch(restarted), restarted.clock()
    watch.do()
    primary.signal(signal.SIGSTOP)
    going_on = Timer(10, primary.signal, (signal.SIGCONT,))
    going_on.start()
    try:
        asked = time.monotonic()
        assert (watch.do(), watch.do()) == (0, 0)
        assert time.monotonic() - asked < 3
        assert find_database_away(restarted.redis_calls) == began
    finally:
        going_on.cancel()
        primary.signal(signal.SIGCONT)
    watch.do()
    assert find_database_away(restarted.redis_calls) is None


def wait_for(primary: PgServer, standby: str) -> None:
    primary.run(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
    primary.run("SELECT pg_reload_conf()")
