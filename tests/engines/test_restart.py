"""PostgreSQL was restarted while nobody asked: whoever asks next finds it as it was before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.runtime import Runtime
from tests.conftest import AGENT, PIN, TestClock, load_sample_people
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.pg_servers import PgServer
from tests.phone import TestPhone
from tests.web.test_till import field

FATIMA = "+212600000001"
_RESTING = 4
_PAID = "201 CREATED"
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


def test_a_restart_costs_no_payment_no_page_and_no_screen(
    restarted: Runtime, primary: PgServer
) -> None:
    client, till = create_app(restarted).test_client(), create_app(restarted).test_client()
    sign_in(till)
    phone = TestPhone(client)
    code = "".join(re.findall(r"\d{4}", phone.dial(FATIMA, "2*1"))[:3])
    bills = client.get(f"{BASE}/accounts/linkref/{code}/bills", headers=HEADERS)
    told = payment(bills.json[0]["amountDue"])  # type: ignore[index]
    identity = HEADERS | {"X-CorrelationID": str(uuid4())}
    restart(restarted, primary)
    assert client.post(f"{BASE}/bills/{code}/payments", headers=identity, json=told).status == _PAID
    restart(restarted, primary)
    assert till.get("/agent/day").status_code == 200
