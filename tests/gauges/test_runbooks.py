"""Runbooks: the fault is made, and what the page says to look at shows it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from random import Random
from threading import Event, Thread

from flask import Flask
from sqlalchemy import Engine, text

from app import create_app
from app.audit.sealing import Sealer
from app.backup.rehearsal import RehearsalFindings, keep_rehearsal
from app.base.database import connect
from app.base.operation import operation
from app.messaging.health import start_rest
from app.observe.hops import store_hops
from app.observe.workers import beat, keep_turns
from app.reconciliation.books_checks import keep_check, verify_books
from app.runtime import Runtime
from app.settings import ROOT
from tests.gauges.test_gauges import change_the_past, read, series
from tests.messaging.stored_messages import insert_message
from tests.payments.conftest import PaymentFixture, payments  # noqa: F401
from tests.phone import TestPhone
from tests.reconciliation.conftest import BackOffice, office, paid_line  # noqa: F401

FATIMA, HASSAN = "+212600000001", "+212600000002"
RUNBOOKS = ROOT / "docs/runbooks"
_STATEMENT = re.compile(r"`(SELECT [^`]+)`")


def assert_page_says(alert: str, *told: str) -> None:
    """Fails if the runbook does not send its reader to what this test looks at."""
    page = " ".join((RUNBOOKS / f"{alert}.md").read_text("utf-8").split())
    assert [each for each in told if each not in page] == []


def test_a_break_that_waits_is_found_with_its_age_and_owner(office: BackOffice) -> None:  # noqa: F811
    assert_page_says("BreaksAreOld", "`flask breaks list`", "kind, age, owner")
    code = office.payments.issue(FATIMA).code
    office.match(office.file(paid_line(code, "1.00", "W1")))
    change_the_past(
        office.payments.runtime,
        "UPDATE reconciliation_break SET opened_at = opened_at - interval '6 days'",
    )
    (waiting,) = office.breaks()
    shown = office.run_successfully("breaks", "list")
    assert waiting["kind"] in shown and "6" in shown
    assert {"kind", "owner"} <= set(waiting)


def test_a_file_that_is_refused_and_one_that_came_are_told(office: BackOffice) -> None:  # noqa: F811
    assert_page_says("SettlementFileIsMissing", "`flask networks files NAME`")
    assert_page_says("CnssDoesNotAnswer", "`flask cnss import FILE` says the line")
    assert json.loads(office.run_successfully("networks", "files", "wafacash", "--json")) == []
    office.match(office.file(paid_line(office.payments.issue(FATIMA).code, "163.52", "W1")))
    files = json.loads(office.run_successfully("networks", "files", "wafacash", "--json"))
    assert len(files) == 1
    refused = office.run("cnss", "import", str(office.file("posting,none", name="answer.csv")))
    assert refused.exit_code != 0 and re.search(r"\b[Ll]ine\b|header|column", refused.output)


def test_books_that_do_not_balance_are_named_by_rule_and_row(
    app: Flask,
    payments: PaymentFixture,  # noqa: F811
) -> None:
    assert_page_says("BooksDoNotBalance", "`flask ledger verify` names the rule and its rows")
    receipt = payments.redeem(payments.issue(HASSAN).code)
    runtime: Runtime = app.extensions["maalem"]
    change_the_past(runtime, "UPDATE ledger_line SET amount_centimes = 1 WHERE position = 1")
    told = app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert told.exit_code == 1 and receipt in told.output


def test_a_message_that_does_not_leave_and_a_worker_that_died_are_seen(runtime: Runtime) -> None:
    assert_page_says("MessagesDoNotLeave", "maalem_messages_waiting", "maalem_workers_alive")
    now = runtime.clock()
    insert_message(runtime.database, None, "queued", created_at=now, provider=None)
    waiting = {"group": "receipt", "provider": "none", "state": "queued"}
    assert read(runtime)[series("maalem_messages_waiting", **waiting)] == 1
    assert read(runtime)[series("maalem_workers_alive")] == 0
    beat(runtime.redis, "one", now)
    assert read(runtime)[series("maalem_workers_alive")] == 1


def test_an_hour_without_money_is_seen_by_network_and_by_code(office: BackOffice) -> None:  # noqa: F811
    assert_page_says("NoMoneyComesIn", "`maalem_payment_codes_made_last_hour`")
    assert_page_says(
        "NetworkTakesNoMoney", "`flask clients list`", "`flask agents sessions NUMBER`"
    )
    assert_page_says("NoCodesAreMade", "`rate(maalem_ussd_hops_total[10m])`")
    payments = office.payments  # noqa: F811
    payments.redeem(payments.issue(FATIMA).code)
    taken = series("maalem_deposits_last_hour", network="wafacash", channel="page")
    made = series("maalem_payment_codes_made_last_hour")
    before = read(payments.runtime)
    assert (before[taken], before[made]) == (1, 1)
    payments.runtime.clock.now += timedelta(minutes=61)  # type: ignore[attr-defined]
    after = read(payments.runtime)
    # The alerts ask for a series that is gone, and for one that is 0.
    assert taken not in after and after[made] == 0
    office.run_successfully("clients", "create", "their-system", "--network", "wafacash")
    assert "their-system" in office.run_successfully("clients", "list")
    office.run_successfully("agents", "sessions", "1001")


def test_what_a_worker_does_grows_old_without_one(app: Flask, runtime: Runtime) -> None:
    """Ten days later each figure is beyond what its alert allows."""
    assert_page_says("BooksAreNotChecked", "`flask ledger verify`")
    assert_page_says("RestoreIsNotRehearsed", "`flask backup list`", "`flask backup check`")
    assert_page_says("LoopStandsStill", "worker's log")
    for alert in ("AuditIsNotSealed", "BooksAreNotChecked"):
        assert_page_says(alert, "[NoWorkerLives](NoWorkerLives.md)")
    began = runtime.clock()
    keep_turns(runtime.redis, {"office": began})
    with operation(runtime.database, began, "worker") as change:
        keep_check(change, verify_books(change.connection))
        keep_rehearsal(change, _rehearsed(began))
    runtime.clock.now += timedelta(days=10)  # type: ignore[attr-defined]
    found, now = read(runtime), runtime.clock().timestamp()
    turn = series("maalem_worker_turn_timestamp_seconds", loop="office")
    assert now - found[turn] > 900
    assert now - found[series("maalem_books_checked_timestamp_seconds")] > 26 * 3600
    assert now - found[series("maalem_restore_rehearsed_timestamp_seconds")] > 9 * 86400
    assert found[series("maalem_audit_unsealed_seconds")] > 60
    assert app.test_cli_runner().invoke(args=["ledger", "verify"]).exit_code == 0
    with operation(runtime.database, runtime.clock(), "worker") as change:
        assert Sealer().seal(change) > 0
    assert read(runtime)[series("maalem_audit_unsealed_seconds")] == 0


def _rehearsed(began: datetime) -> RehearsalFindings:
    none: dict[str, int] = {}
    took = {"rpo_seconds": 1.0, "restore_seconds": 1.0, "verify_seconds": 1.0, "compared": 0}
    when = {"began_at": began, "until": began, "recovered_to": began}
    return RehearsalFindings(base="b", missing=none, older=(), broken={}, **when, **took)  # type: ignore[arg-type]


def test_a_provider_that_fails_rests_and_late_receipts_are_counted(runtime: Runtime) -> None:
    assert_page_says("ProviderRests", "`provider_rests`", "`flask doctor`")
    assert_page_says("ReceiptsAreLate", "`maalem_sms_provider_well`", "`flask sms report")
    now, minute = runtime.clock(), timedelta(minutes=1)
    insert_message(runtime.database, now - minute, created_at=now - 3 * minute)
    with operation(runtime.database, now, "worker") as change:
        assert start_rest(change, "log", "http 503", Random(1))
    found = read(runtime)
    assert found[series("maalem_sms_provider_well", provider="log")] == 0
    assert found[series("maalem_receipts_taken_late_5m")] == 1


def test_a_talk_is_followed_from_the_line_of_its_outage(
    app: Flask, runtime: Runtime, sample_people: None
) -> None:
    assert_page_says("PhonesShowOutages", "`flask talks record SESSION`")
    phone = TestPhone(app.test_client())
    phone.dial(FATIMA)
    phone.answer("1")
    store_hops(runtime.database, runtime.redis)
    runner = app.test_cli_runner()
    (talk,) = json.loads(runner.invoke(args=["talks", "list", "--json"]).stdout)
    told = runner.invoke(args=["talks", "record", talk["session"]])
    assert told.exit_code == 0 and "screen: amo" in told.output


def test_an_engine_that_is_away_is_named_by_the_doctor(runtime: Runtime) -> None:
    for alert in ("EngineDoesNotAnswer", "LimitsAreOpen"):
        assert_page_says(alert, "`flask doctor`")
    settings = runtime.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    alone = Runtime(settings, clock=runtime.clock)
    told = create_app(alone).test_cli_runner().invoke(args=["doctor", "--json"])
    assert told.exit_code != 0 and "redis" in told.output
    alone.database.dispose()


def test_a_transaction_that_never_ends_is_found_by_the_statements_of_the_pages(
    runtime: Runtime,
) -> None:
    """One transaction holds a row for long, another waits for it; both are shown."""
    pages = [path.read_text("utf-8") for path in RUNBOOKS.glob("*.md")]
    statements = [" ".join(s.split()) for page in pages for s in _STATEMENT.findall(page)]
    assert len(statements) == 2
    engine = connect(str(runtime.settings.migrations_database_url), pool_size=3)
    held = engine.connect()
    held.begin()
    held.execute(text("LOCK TABLE notice IN ACCESS EXCLUSIVE MODE"))

    def wait_for_it() -> None:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '20s'"))
            connection.execute(text("SELECT count(*) FROM notice"))

    waiting = Thread(target=wait_for_it)
    waiting.start()
    try:
        found = _look_until(engine, statements, "FROM notice")
    finally:
        held.rollback()
        held.close()
        waiting.join()
        engine.dispose()
    assert any("LOCK TABLE notice" in each for each in found)


def _look_until(engine: Engine, statements: list[str], wanted: str) -> list[str]:
    """Returns the rows of both statements, once the one that waits is among them."""
    for _ in range(100):
        found: list[str] = []
        with engine.connect() as connection:
            for statement in statements:
                # A minute is long for a test: what began at all is shown.
                shorter = statement.replace("interval '1 minute'", "interval '0 seconds'")
                rows = connection.exec_driver_sql(shorter.replace("%", "%%")).all()
                found += [str(row) for row in rows]
        if any(wanted in each for each in found):
            return found
        Event().wait(0.05)
    raise AssertionError(found)
