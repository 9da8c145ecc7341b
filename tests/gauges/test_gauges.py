"""What is watched beside the processes' own counts: money, messages, workers, files, breaks."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import timedelta

import pytest
from prometheus_client import Metric as Family
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import create_engine, text

from app.base.operation import operation
from app.cli.metrics import Metric, list_metrics
from app.gateways.operators import name_operator
from app.gateways.registry import GATEWAYS
from app.gauges.all import READINGS, make_registry
from app.gauges.messages import GROUPS
from app.jobs.worker import Worker
from app.observe.workers import keep_turns
from app.reconciliation.books_checks import keep_check, verify_books
from app.runtime import Runtime
from tests.messaging.stored_messages import insert_message
from tests.payments.conftest import payments  # noqa: F401
from tests.reconciliation.conftest import BackOffice, office, paid_line  # noqa: F401

FATIMA, HASSAN, DRISS = (f"+21260000000{n}" for n in (1, 2, 7))
# Outcomes of a hop, and of what shows an outage.
OUTCOMES = 10
MOST_SERIES = 1000


def read(runtime: Runtime) -> dict[str, float]:
    """Returns each series of the gauges as Prometheus names it, with its value."""
    told = generate_latest(make_registry(runtime)).decode()
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families(told)
        for sample in family.samples
    }


def families(told: str) -> Iterable[Family]:
    return text_string_to_metric_families(told)


def series(gauge: str, **labels: str) -> str:
    return f"{gauge}{sorted(labels.items())}"


def change_the_past(runtime: Runtime, statement: str) -> None:
    """What the database refuses to everybody, as its owner with the triggers off."""
    with runtime.owners_database.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))


def test_money_that_comes_in_is_counted_by_network_and_channel(
    office: BackOffice,  # noqa: F811
) -> None:
    runtime, payments = office.payments.runtime, office.payments  # noqa: F811
    codes = [payments.issue(phone) for phone in (FATIMA, HASSAN, DRISS)]
    for code in codes[:2]:
        payments.redeem(code.code, code.code)
    found = read(runtime)
    page = {"network": "wafacash", "channel": "page"}
    cash = sum(code.total.centimes for code in codes[:2]) / 100
    assert found[series("maalem_deposits_last_hour", **page)] == 2
    assert found[series("maalem_deposits_last_hour_dirhams", **page)] == cash
    assert found[series("maalem_payment_codes_made_last_hour")] == 3
    assert found[series("maalem_payment_codes", state="issued")] == 1
    change_the_past(runtime, "UPDATE deposit SET received_at = received_at - interval '61 min'")
    assert series("maalem_deposits_last_hour", **page) not in read(runtime)


def test_files_and_breaks_are_as_old_as_they_are(office: BackOffice) -> None:  # noqa: F811
    runtime = office.payments.runtime
    assert not [name for name in read(runtime) if name.startswith("maalem_file_taken")]
    code = office.payments.issue(FATIMA)
    office.match(office.file(paid_line(code.code, "1.00", "W1")))
    found = read(runtime)
    taken = found[
        series("maalem_file_taken_timestamp_seconds", kind="settlement", network="wafacash")
    ]
    assert taken == runtime.clock().timestamp()
    kinds = {name for name in found if name.startswith("maalem_breaks_open")}
    assert len(kinds) == 1 and sum(found[name] for name in kinds) == 1
    change_the_past(
        runtime, "UPDATE reconciliation_break SET opened_at = opened_at - interval '3 days'"
    )
    later = read(runtime)
    oldest = [value for name, value in later.items() if name.startswith("maalem_breaks_oldest")]
    assert oldest == [timedelta(days=3).total_seconds()]


def test_books_are_as_the_last_check_found_them(runtime: Runtime) -> None:
    assert series("maalem_books_rules_broken") not in read(runtime)
    with operation(runtime.database, runtime.clock(), "worker") as change:
        keep_check(change, verify_books(change.connection))
    found = read(runtime)
    assert found[series("maalem_books_rules_broken")] == 0
    assert found[series("maalem_books_checked_timestamp_seconds")] == runtime.clock().timestamp()


def test_messages_that_do_not_leave_grow_old_and_late_receipts_are_counted(
    runtime: Runtime,
) -> None:
    now = runtime.clock()
    minute = timedelta(minutes=1)
    insert_message(runtime.database, None, "queued", created_at=now - 7 * minute, provider=None)
    insert_message(runtime.database, now - minute, created_at=now - minute)
    insert_message(runtime.database, now - minute, created_at=now - 3 * minute)
    insert_message(runtime.database, now - 6 * minute, created_at=now - 30 * minute)
    found = read(runtime)
    waiting = {"group": "receipt", "provider": "none", "state": "queued"}
    assert found[series("maalem_messages_oldest_seconds", **waiting)] == 420
    assert found[series("maalem_messages_waiting", **waiting)] == 1
    assert found[series("maalem_receipts_taken_5m")] == 2
    assert found[series("maalem_receipts_taken_late_5m")] == 1


def test_each_loop_of_a_worker_says_when_it_last_came_round(runtime: Runtime) -> None:
    now = runtime.clock()
    worker = Worker(runtime)
    worker.stopping.set()
    worker.run()
    assert series("maalem_workers_alive") in read(runtime)
    keep_turns(runtime.redis, {"sending": now, "sealing": now})
    # Another worker whose last turn was before takes nothing back.
    keep_turns(runtime.redis, {"sending": now - timedelta(minutes=5)})
    found = read(runtime)
    assert found[series("maalem_worker_turn_timestamp_seconds", loop="sending")] == now.timestamp()


def test_what_an_engine_does_not_answer_is_left_out_and_counted(runtime: Runtime) -> None:
    alone = copy.copy(runtime)
    alone.redis = Redis(port=1)
    found = read(alone)
    assert found[series("maalem_readings_failed")] == 2
    assert series("maalem_payment_codes", state="issued") in found
    alone.database = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert read(alone) == {series("maalem_readings_failed"): len(READINGS)}


@pytest.mark.parametrize(
    ("code", "name"),
    [("", "unknown"), ("60401", "maroc_telecom"), ("60405", "inwi"), ("99999", "other")],
)
def test_operators_are_named_by_the_code_of_their_network(code: str, name: str) -> None:
    assert name_operator(code) == name


def test_series_stay_under_a_thousand(runtime: Runtime) -> None:
    """With every value that each label may have: a histogram has 14 series for each."""
    many = {
        "gateway": len(GATEWAYS),
        "operator": 5,
        "outcome": OUTCOMES,
        "screen": len(runtime.ussd.menu.screens) + 1,
        "provider": len(runtime.settings.sms_providers) + 1,
        "channel": 4,
        "network": 3,
        "client": 3,
        "loop": 8,
        "group": len(GROUPS),
    }
    assert sum(count_series(metric, many) for metric in list_metrics()) < MOST_SERIES
    assert len({metric.name for metric in list_metrics()}) == len(list(list_metrics()))


def count_series(metric: Metric, many: dict[str, int]) -> int:
    series = 14 if metric.kind == "histogram" else 1
    for label in metric.labels:
        series *= many.get(label, 6)
    return series
