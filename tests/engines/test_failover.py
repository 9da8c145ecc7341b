"""A primary dies in the midst of payments, and its standby is promoted."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import create_app
from app.base.database import reading
from app.figures.queries import list_published_months
from app.runtime import Runtime
from tests.conftest import TestClock, load_sample_people
from tests.mobile_money.conftest import BASE, HEADERS, payment
from tests.pg_servers import PgServer
from tests.phone import TestPhone

PHONES = [f"+2126000000{number:02d}" for number in (1, 2, 5, 7, 8)]
_WELL_AFTER_SECONDS = 10
pytestmark = pytest.mark.xdist_group("own PostgreSQL")


@pytest.fixture
def standby(primary: PgServer, engine_folder: Path) -> Iterator[PgServer]:
    server = PgServer(engine_folder / "standby")
    server.copy(primary)
    try:
        server.start("fsync=off")
        yield server
    finally:
        server.kill()
        # For the tests to come it waits for no standby, and it forgets that it ever did.
        primary.kill()
        primary.start("fsync=off", "synchronous_standby_names=")
        primary.run("ALTER SYSTEM RESET synchronous_standby_names")
        primary.kill()
        primary.start("fsync=off", "wal_level=replica")


@dataclass
class Seen:
    """What was told: when, after how many seconds, if all was well; payments confirmed."""

    answers: list[tuple[float, float, bool]] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)


def test_nothing_confirmed_is_lost_with_the_primary(
    runtime: Runtime, primary: PgServer, standby: PgServer, app_url: str, tmp_path: Path
) -> None:
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.run("SELECT pg_reload_conf()")
    before, _, name = app_url.rpartition("/")
    hosts = f"{before},127.0.0.1:{standby.port}/{name}"
    url = f"{hosts}?target_session_attrs=read-write"
    replica = app_url.replace(f":{primary.port}/", f":{standby.port}/")
    settings = {"database_url": url, "figures_database_url": replica}
    maalem = Runtime(runtime.settings.model_copy(update=settings), clock=TestClock())
    for shared in ("words", "ussd", "redis"):
        maalem.__dict__[shared] = getattr(runtime, shared)
    load_sample_people(maalem, tmp_path)
    with maalem.database.begin() as change:
        # A fast machine comes to the limit within the minute, and payments would end there.
        change.execute(text("UPDATE api_client SET requests_a_minute = 60000"))
    with reading(maalem.figures_database) as connection:
        assert connection.execute(text("SELECT pg_is_in_recovery()")).scalar()
        assert list(list_published_months(connection)) == []
    app = create_app(maalem)
    assert TestPhone(app.test_client()).dial(PHONES[0]), "it is open"
    seen, ended = Seen(), Event()
    with ThreadPoolExecutor(len(PHONES)) as callers:
        calling = [callers.submit(call_on, app, number, seen, ended) for number in PHONES]
        try:
            time.sleep(4)
            assert seen.confirmed, "payments were under way"
            primary.kill()
            time.sleep(1)
            standby.run("ALTER SYSTEM SET synchronous_standby_names = ''")
            standby.run("SELECT pg_promote()")
            promoted = time.monotonic()
            confirmed_before = len(seen.confirmed)
            time.sleep(_WELL_AFTER_SECONDS + 4)
        finally:
            ended.set()
    for call in calling:
        call.result()
    assert max(seconds for _, seconds, _ in seen.answers) < 2
    late = [well for at, _, well in seen.answers if at > promoted + _WELL_AFTER_SECONDS]
    assert late and all(late), "all is well ten seconds after"
    assert len(seen.confirmed) > confirmed_before, "payments go on"
    with reading(maalem.database) as connection:
        kept = set(connection.execute(text("SELECT network_reference FROM deposit")).scalars())
    assert set(seen.confirmed) <= kept
    maalem.database.dispose()
    maalem.figures_database.dispose()


def call_on(app: Flask, number: str, seen: Seen, ended: Event) -> None:
    """Asks for a code, pays it at the network, gives the payment back, and begins anew."""
    client = app.test_client()
    phone, turn = TestPhone(client), 0
    while not ended.is_set():
        turn += 1
        phone.number, phone.session, phone.chain = number, f"{number}-{turn}", "2*1"
        began = time.monotonic()
        answer = phone.post()
        now = time.monotonic()
        found = re.search(r"(\d{4}) (\d{4}) (\d{4})", answer)
        seen.answers.append((now, now - began, bool(found)))
        if found:
            pay(client, "".join(found.groups()), f"{number[-2:]}-{turn}", seen)
        time.sleep(0.1)


def pay(client: FlaskClient, code: str, reference: str, seen: Seen) -> None:
    """Pays a code and takes the payment back, each until there is an answer."""
    bills = ask(client, "GET", f"/accounts/linkref/{code}/bills")
    if bills is None or bills.status_code != 200 or not bills.json:
        return
    told = payment(bills.json[0]["amountDue"], requestingOrganisationTransactionReference=reference)
    paid = ask(client, "POST", f"/bills/{code}/payments", told)
    if paid is not None and paid.status_code == 201:
        seen.confirmed.append(reference)
        ask(client, "POST", f"/transactions/{reference}/reversals", {"type": "reversal"})


def ask(
    client: FlaskClient, method: str, path: str, body: dict[str, object] | None = None
) -> TestResponse | None:
    """The answer of the payments API; None where it says for eight seconds to come again."""
    headers, ends = HEADERS | {"X-CorrelationID": str(uuid4())}, time.monotonic() + 8
    while time.monotonic() < ends:
        answer = client.open(f"{BASE}{path}", method=method, headers=headers, json=body)
        if answer.status_code < 500:
            return answer
        time.sleep(0.2)
    return None
