"""What was said is forgotten in time, in batches, and nothing else with it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.base.operation import Operation
from app.messaging.retention import forget_bodies
from tests.conftest import NOW
from tests.messaging.stored_messages import insert_message

OLDEST = NOW - timedelta(days=90)
BEFORE = OLDEST - timedelta(seconds=11)  # sent then, ended ten seconds later: a second too old


def forget(engine: Engine, most: int = 100) -> int:
    with engine.begin() as connection:
        return forget_bodies(Operation(connection, NOW, "worker"), OLDEST, most)


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def add_received(engine: Engine, at: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO delivery_report (provider, provider_reference, status, received_at)"
                " VALUES ('log', :at, 'Success', :at)"
            ),
            {"at": at},
        )
        connection.execute(
            text(
                "INSERT INTO inbound_message (provider, provider_id, phone, keyword, received_at)"
                " VALUES ('log', :at, '+212600000001', 'stop', :at)"
            ),
            {"at": at},
        )


def test_forget_bodies_empties_only_messages_that_ended_long_ago(engine: Engine) -> None:
    old = insert_message(engine, BEFORE)
    insert_message(engine, OLDEST)  # ended ten seconds later: kept
    insert_message(engine, BEFORE, "sent")  # still waits for its report
    insert_message(engine, None, "queued", created_at=BEFORE)
    assert forget(engine) == 1
    assert rows(engine, "SELECT id FROM message WHERE body IS NULL") == [(old,)]
    assert [forget(engine), forget(engine)] == [1, 0]
    assert rows(engine, "SELECT count(*), count(body) FROM message") == [(3, 3)]
    kept = rows(engine, "SELECT id, kind, units, segments, provider FROM ended_message")
    assert kept == [(old, "receipt", 6, 1, "log")]


def test_forget_bodies_takes_the_oldest_first_and_a_batch(engine: Engine) -> None:
    ids = [insert_message(engine, BEFORE - timedelta(days=days)) for days in range(5)]
    assert [forget(engine, 2) for _ in range(5)] == [2, 4, 3, 1, 0]
    assert len(ids) == 5
    ids = [insert_message(engine, BEFORE - timedelta(days=days)) for days in (0, 2, 1)]
    assert forget(engine, 1) == 1
    left = rows(engine, "SELECT id FROM message WHERE body IS NOT NULL ORDER BY id")
    assert left == [(ids[0],), (ids[2],)]


def test_forget_bodies_deletes_old_reports_and_received_messages(engine: Engine) -> None:
    for at in (OLDEST - timedelta(days=1), OLDEST - timedelta(seconds=1), OLDEST, NOW):
        add_received(engine, at)
    assert [forget(engine, 1) for _ in range(3)] == [2, 2, 0]
    for table in ("delivery_report", "inbound_message"):
        assert rows(engine, f"SELECT min(received_at), count(*) FROM {table}") == [(OLDEST, 2)]


def test_forget_bodies_by_two_workers_takes_different_messages(engine: Engine) -> None:
    for _ in range(4):
        insert_message(engine, BEFORE)
    with engine.begin() as one, engine.begin() as other:
        assert forget_bodies(Operation(one, NOW, "worker"), OLDEST, 3) == 3
        assert forget_bodies(Operation(other, NOW, "worker"), OLDEST, 3) == 1
    assert rows(engine, "SELECT count(*) FROM message WHERE body IS NOT NULL") == [(0,)]


def test_a_batch_is_no_larger_whatever_way_the_database_takes(engine: Engine) -> None:
    """Planned as a nested loop, a limit read anew for each row would lock more each time."""
    for days in range(1, 5):
        insert_message(engine, BEFORE)
        add_received(engine, OLDEST - timedelta(days=days))
    ways = ("hashjoin", "mergejoin", "hashagg", "sort", "material", "bitmapscan", "indexscan")
    for way in ways:
        with engine.begin() as connection:
            for off in {*ways} - {way}:
                connection.execute(text(f"SET LOCAL enable_{off} = off"))
            counts = [forget_bodies(Operation(connection, NOW, "worker"), OLDEST, 1)]
            connection.rollback()
        assert counts == [3], way


@pytest.mark.parametrize("state", ["queued", "sent"])
def test_database_keeps_the_body_of_a_message_to_be_sent(engine: Engine, state: str) -> None:
    insert_message(engine, BEFORE, state)
    forget(engine)
    assert rows(engine, "SELECT body FROM message") == [("Maalem",)]


def test_simulator_inbox_shows_no_emptied_message(client: FlaskClient, engine: Engine) -> None:
    insert_message(engine, BEFORE)
    insert_message(engine, NOW, body="Newer")
    forget(engine)
    shown = client.get("/simulator/messages.json?phone=%2B212600000001").get_json()
    assert [one["text"] for one in shown] == ["Newer"]
    assert set(shown[0]) == {"to", "text", "encoding", "segments", "status", "created_at"}
