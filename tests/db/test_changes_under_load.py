"""The tables go back and up again by a command while people call and pay: nothing is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import certifi
import psycopg
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, text

from app.base.database import reading
from app.base.engine_urls import EngineUrls
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.migrating import current_revision, newest_revision, upgrade
from app.runtime import Runtime
from app.sms.loopback.options import Options
from app.sms.loopback.server import running
from benchmarks.messages import PROVIDERS
from tests.conftest import begin_today, free_port
from tests.servers import served
from tests.storm.books import check_messages, check_payments
from tests.storm.installation import ALL_OWE, CALLERS, UNLIMITED
from tests.storm.lines import Told
from tests.storm.traffic import Traffic

# The oldest at which the talks, payments and messages of this version go on. A migration that they
# cannot do without takes its place.
BACK = "0050_lists_of_the_audit"
# Where outages are not noted yet.
FURTHER = "0040_codes_in_one_statement"
ARTISANS, HOPS_A_SECOND = 200, 8.0
# Deposits that are seen through in each state of the tables.
_DEPOSITS = 2
_LONGEST_SECONDS = 40.0
_WAITING = text("SELECT count(*) FROM message WHERE state IN ('queued', 'sending')")


def test_tables_go_back_and_up_while_people_call_and_pay(
    runtime: Runtime,
    owner: Engine,
    own_urls: EngineUrls,
    app: Flask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phones = fill(runtime, owner, tmp_path)
    try:
        with running(Options(latency_ms=50)) as sms_url:
            for name, value in {**PROVIDERS, "AFRICASTALKING_URL": sms_url}.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("SMS_PROVIDERS", "africastalking")
            with served(runtime, free_port()) as base:
                with calling(Traffic([base], certifi.where(), phones, HOPS_A_SECOND, ())) as told:
                    change(app, owner, told)
                await_sending(runtime)
            failed = [a for a in told.answers if a.tries > 1 or a.cause not in {"", "promise"}]
            assert Counter((a.kind, a.cause, a.tries, a.text[:60]) for a in failed) == {}
            with psycopg.connect(own_urls.database_url) as books:
                assert list(check_payments(books, told)) == []
                assert list(check_messages(sms_url, books, told)) == []
            verified = run(app, "ledger", "verify")
            assert verified.exit_code == 0, verified.output
    finally:
        upgrade(owner)


def change(app: Flask, owner: Engine, told: Told) -> None:
    """Goes not so far back that something would be lost, which is said; goes back, and up again."""
    see_through(told)
    with owner.begin() as connection:
        connection.execute(text("INSERT INTO outage (engine, began_at) VALUES ('redis', now())"))
    refused = run(app, "db", "downgrade", FURTHER)
    assert refused.exit_code == 1 and "0041_outages loses outages that" in refused.output
    assert current_revision(owner) == newest_revision()
    back = run(app, "db", "downgrade", BACK)
    assert back.exit_code == 0 and current_revision(owner) == BACK, back.output
    assert "loses" not in back.output
    see_through(told)
    up = run(app, "db", "upgrade")
    assert up.exit_code == 0 and current_revision(owner) == newest_revision(), up.output
    see_through(told)


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=list(words))


def see_through(told: Told) -> None:
    """Waits until talks that began and payments that were made from now on are answered."""
    began, deposits = time.monotonic(), len(told.payments)
    deadline = began + _LONGEST_SECONDS
    while len(told.payments) < deposits + _DEPOSITS or not is_dialled_since(told, began):
        assert time.monotonic() < deadline, "nobody calls and pays"
        time.sleep(0.1)


def is_dialled_since(told: Told, moment: float) -> bool:
    return any(answer.kind == "hop" and answer.asked_at > moment for answer in told.answers[-20:])


@contextmanager
def calling(traffic: Traffic) -> Iterator[Told]:
    """Has people call until the end of the block, and then ends their talks."""
    with ThreadPoolExecutor(1) as threads:
        playing = threads.submit(traffic.run)
        try:
            yield traffic.told
        finally:
            traffic.end()
        playing.result()


def await_sending(runtime: Runtime) -> None:
    """Waits until every message is with its provider."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while True:
        with reading(runtime.database) as connection:
            if not connection.execute(_WAITING).scalar():
                return
        assert time.monotonic() < deadline, "messages wait"
        time.sleep(0.2)


def fill(runtime: Runtime, owner: Engine, folder: Path) -> list[str]:
    """Registers artisans who owe; returns the phones of those who have one for themselves."""
    begin_today(runtime, folder)
    register = folder / "register.csv"
    register.write_text("\n".join(sample_rows(ARTISANS)) + "\n", encoding="utf-8")
    today = runtime.clock().date()
    import_registry(runtime.database, register, keys=runtime.keys, today=today, progress=None)
    with owner.begin() as connection:
        connection.execute(text(ALL_OWE))
        connection.execute(text(UNLIMITED))
        return list(connection.execute(text(CALLERS)).scalars())
