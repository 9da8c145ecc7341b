"""Messages that ended long ago stand with their month, and everything still knows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from app.base.operation import operation
from app.base.phone import Phone
from app.grants import name_group_roles
from app.jobs.housekeeping import Housekeeping
from app.messaging.forgetting import forget_phones
from app.messaging.outbox import _DUE
from app.messaging.queries import is_told
from app.messaging.reports import store_report
from app.people.file import FATE_SORTING, list_fates
from app.reconciliation.told_messages import _REPORTS
from app.runtime import Runtime
from app.sms.provider import Report
from tests.conftest import NOW
from tests.messaging.stored_messages import insert_message
from tests.plans import list_tables_read

OLD = NOW - timedelta(days=100)
PHONE = Phone("+212600000001")

# Reports of the message that moved, by its reference and by our id, and one of nobody's.
GAP = """
    WITH gap AS (
        INSERT INTO books_gap (begins_at, ends_at, recorded_by)
        VALUES (:now - INTERVAL '1 day', :now, 'office')
    )
    INSERT INTO delivery_report (provider, provider_reference, message_id, phone, status,
        received_at)
    SELECT 'log', reference, message, '+212600000002', 'Success', :now - INTERVAL '1 hour'
    FROM (VALUES ('r1', NULL), ('r2', (SELECT min(id) FROM ended_message)), ('r3', NULL))
        AS told (reference, message)
"""


@pytest.fixture
def moved(runtime: Runtime, engine: Engine) -> int:
    """A receipt that was delivered long ago and stands with its month."""
    number = insert_message(
        engine, OLD, event_key="receipt:10000001:x", provider_reference="r1", segments=2
    )
    for _ in range(2):
        Housekeeping(runtime).do()
    return number


def ask(runtime: Runtime, query: str) -> list[tuple[object, ...]]:
    with runtime.database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_housekeeping_moves_what_ended_to_the_month_of_its_end(
    runtime: Runtime, engine: Engine, moved: int
) -> None:
    end = datetime(2026, 7, 31, 23, 59, 59, tzinfo=UTC)
    later = insert_message(engine, end, seconds=2)
    lost = insert_message(engine, OLD, "failed")
    for _ in range(2):
        Housekeeping(runtime).do()
    assert ask(runtime, "SELECT id, tableoid::regclass::text FROM ended_message ORDER BY id") == [
        (moved, "ended_message_202608"),
        (later, "ended_message_202608"),
    ]
    # A receipt that did not arrive is yet to be shown on the phone.
    assert ask(runtime, "SELECT id, body FROM message") == [(lost, None)]
    with runtime.database.begin() as connection:
        connection.execute(text("UPDATE message SET made_up_at = now()"))
    for _ in range(2):
        Housekeeping(runtime).do()
    assert ask(runtime, "SELECT count(*) FROM message") == [(0,)]


def test_an_event_writes_one_message_for_ever(runtime: Runtime, engine: Engine, moved: int) -> None:
    again = text("""
        INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
            created_at, due_at)
        SELECT key, 'receipt', '+212600000001', 'fr', 'x', 'GSM-7', 1, 1, now(), now()
        FROM unnest(ARRAY['receipt:10000001:x', 'receipt:10000002:x']) AS key
        ON CONFLICT (event_key) DO NOTHING RETURNING event_key
    """)
    # As between a migration and its grants: the version before goes on writing.
    with runtime.owners_database.connect() as connection:
        app = name_group_roles(connection).app
        connection.execute(text(f'REVOKE ALL ON ended_event FROM "{app}"'))
        connection.execute(text(f'SET LOCAL ROLE "{app}"'))
        assert connection.execute(again).scalars().all() == ["receipt:10000002:x"]
    with engine.begin() as connection:
        assert connection.execute(again).scalars().all() == ["receipt:10000002:x"]
        assert connection.execute(again).scalars().all() == []
        assert is_told(connection, "10000001:x") and is_told(connection, "10000002:x")
        assert not is_told(connection, "10000003:x")


def test_a_late_report_finds_its_message_and_its_stop_is_kept(runtime: Runtime, moved: int) -> None:
    late = Report("r1", "UserOptedOut", "failed", stopped=True)
    with operation(runtime.database, NOW, "log") as change:
        assert store_report(change, "log", late) == "noted"
        assert store_report(change, "log", late) == "repeated"
        assert store_report(change, "log", Report("r2", "Success", "delivered")) == "waiting"
    assert ask(runtime, "SELECT provider, phone FROM provider_opt_out") == [("log", PHONE.e164)]


def test_a_late_stop_of_a_forgotten_person_is_noted_and_names_nobody(
    runtime: Runtime, engine: Engine, moved: int
) -> None:
    insert_message(engine, NOW, provider_reference="r2")
    with operation(runtime.database, NOW, "worker") as change:
        forget_phones(change, [PHONE.e164])
    for reference in ("r1", "r2"):
        late = Report(reference, "UserOptedOut", "failed", stopped=True, phone=PHONE)
        with operation(runtime.database, NOW, "log") as change:
            assert store_report(change, "log", late) == "noted"
    assert ask(runtime, "SELECT phone FROM provider_opt_out") == []
    assert ask(runtime, "SELECT DISTINCT phone FROM delivery_report") == [(None,)]


def test_after_a_restore_a_report_of_what_moved_is_of_no_lost_message(
    runtime: Runtime, engine: Engine, moved: int
) -> None:
    with engine.begin() as connection:
        connection.execute(text(GAP), {"now": NOW})
        told = connection.execute(_REPORTS, {"read": [], "until": NOW}).all()
    assert [row.provider_reference for row in told] == ["r3"]


def test_a_persons_messages_are_all_shown_and_all_forgotten(
    runtime: Runtime, engine: Engine, moved: int
) -> None:
    insert_message(engine, NOW)
    with runtime.database.connect() as connection:
        fates = list_fates(connection, [PHONE.e164], FATE_SORTING.first(10)).rows
    assert [fate.sent_at for fate in fates] == [NOW, OLD]
    with operation(runtime.database, NOW, "worker") as change:
        forget_phones(change, [PHONE.e164])
    told = "SELECT phone, event_key FROM {}"
    assert ask(runtime, told.format("ended_message")) == [("forgotten", f"forgotten:{moved}")]
    assert ask(runtime, "SELECT count(*) FROM ended_event") == [(0,)]
    assert ask(runtime, told.format("message"))[0][0] == "forgotten"


def test_costs_count_what_moved(app: Flask, moved: int) -> None:
    day = f"{OLD:%Y-%m-%d}"
    told = app.test_cli_runner().invoke(
        args=["sms", "report", "--from", day, "--to", day, "--json"]
    )
    assert '"messages": 1' in told.output and '"segments": 2' in told.output, told.output


def test_the_apps_role_moves_by_the_function_alone(runtime: Runtime, moved: int) -> None:
    for attack in (
        "DELETE FROM message",
        "DELETE FROM ended_message",
        "UPDATE ended_message SET state = 'failed'",
        "SELECT FROM ended_message_202608",
    ):
        with pytest.raises(Exception, match="permission denied"):
            ask(runtime, attack)


def test_the_claim_of_due_messages_reads_no_month(
    runtime: Runtime, engine: Engine, moved: int
) -> None:
    params = {"now": NOW, "most": 10, "lowest": 1}
    insert_message(engine, None, "queued", created_at=NOW)
    read = list_tables_read(runtime, lambda connection: connection.execute(_DUE, params).all())
    assert "message" in read <= {"message", "provider_opt_out"}
