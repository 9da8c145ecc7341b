"""Outages are noted at the second look, told to who asks, and ended when the engine is back."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import create_engine, text

from app.base.operation import operation
from app.jobs.outages import OutageWatch
from app.observe.outages import (
    end_redis_outage,
    find_database_away,
    find_redis_away,
    note_redis_away,
    write_moment,
)
from app.runtime import Runtime
from tests.conftest import TestClock
from tests.web.test_sms_keywords import Writer

FATIMA = "+212600000001"


@pytest.fixture
def clock(runtime: Runtime) -> TestClock:
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    return clock


def without(runtime: Runtime, engine: str) -> Runtime:
    """The same runtime, to which one engine is away."""
    alone = copy.copy(runtime)
    if engine == "redis":
        alone.redis = Redis(port=1)
    else:
        alone.database = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    return alone


def test_outage_of_redis_is_in_the_database_while_it_goes_on(
    runtime: Runtime, clock: TestClock
) -> None:
    began = clock.now
    away = without(runtime, "redis")
    watch = OutageWatch(away)
    watch.do()
    assert read_redis_away(runtime) is None, "one look is no outage"
    clock.now += timedelta(seconds=5)
    watch.do()
    assert read_redis_away(runtime) == began
    # Another worker that sees it later leaves its beginning.
    other = OutageWatch(away)
    other.do()
    clock.now += timedelta(minutes=5)
    other.do()
    assert read_redis_away(runtime) == began
    away.redis = runtime.redis
    watch.do()
    assert read_redis_away(runtime) is None
    assert kept(runtime) == [("redis", began, clock.now)]


def test_outage_of_postgresql_is_in_redis_and_then_kept_once(
    runtime: Runtime, clock: TestClock
) -> None:
    began = clock.now
    away = without(runtime, "postgresql")
    watches = OutageWatch(away), OutageWatch(away)
    for _ in range(2):
        for watch in watches:
            watch.do()
        clock.now += timedelta(seconds=5)
    assert find_database_away(runtime.redis_calls) == began
    away.database = runtime.database
    for watch in watches:
        watch.do()
    assert find_database_away(runtime.redis_calls) is None
    assert kept(runtime) == [("postgresql", began, clock.now)]


def test_who_asks_how_the_service_is_hears_since_when(
    runtime: Runtime, clock: TestClock, client: FlaskClient, sample_people: None
) -> None:
    say, writer = runtime.words.say, Writer(client, runtime)
    assert writer.write(FATIMA, "SERVICE") == [say("fr", "sms.service")]
    began = clock.now
    with operation(runtime.database, clock.now, "worker") as change:
        note_redis_away(change, began)
    clock.now += timedelta(minutes=20)
    told = {"down_since": "10:00"}
    assert writer.write(FATIMA, "PANNE") == [say("fr", "sms.service_down", told)]
    with operation(runtime.database, clock.now, "worker") as change:
        end_redis_outage(change)
    told |= {"down_until": "10:20"}
    assert writer.write(FATIMA, "service") == [say("fr", "sms.service_mended", told)]
    clock.now += timedelta(hours=13)
    assert writer.write(FATIMA, "SERVICE") == [say("fr", "sms.service")]


def test_moment_of_another_day_has_its_date(clock: TestClock) -> None:
    assert write_moment(clock.now, clock.now) == "10:00"
    assert write_moment(clock.now, clock.now + timedelta(days=1)) == "23/11 10:00"


def read_redis_away(runtime: Runtime) -> object:
    with runtime.database.connect() as connection:
        return find_redis_away(connection)


def kept(runtime: Runtime) -> list[tuple[object, ...]]:
    with runtime.database.connect() as connection:
        rows = connection.execute(text("SELECT engine, began_at, ended_at FROM outage"))
        return [tuple(row) for row in rows]
