"""A month is made from the books, published once and protected."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.base.database import reading
from app.base.months import Month
from app.base.operation import operation
from app.figures.errors import MonthNotMade, MonthNotOver
from app.figures.queries import list_figures
from app.figures.service import make_month, publish_month, read_figures
from app.runtime import Runtime
from tests.dropping import drop_connections
from tests.figures.conftest import NOVEMBER, publish
from tests.people_of_office import run_command


def test_a_second_time_changes_nothing(runtime: Runtime, published: None, owner: Engine) -> None:
    with owner.begin() as connection:
        before = list(list_figures(connection))
        connection.execute(text("UPDATE artisan SET region = 'Nowhere' WHERE id % 3 = 0"))
    assert not publish(runtime)
    with owner.begin() as connection:
        assert list(list_figures(connection)) == before
        raw = read_figures(connection, NOVEMBER)
    assert raw.get("region", "Nowhere", "artisans") == 500


def test_a_month_that_runs_is_not_published(runtime: Runtime, register: None) -> None:
    with (
        operation(runtime.database, runtime.clock(), "operator") as change,
        pytest.raises(MonthNotOver),
    ):
        publish_month(change, NOVEMBER, early=False)
    with (
        operation(runtime.database, runtime.clock(), "operator") as change,
        pytest.raises(MonthNotMade),
    ):
        publish_month(change, Month(2020, 1), early=False)


def test_the_register_of_a_month_that_is_over_stays_as_it_was(
    runtime: Runtime, published: None, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM artisan WHERE id % 2 = 0"))
    runtime.clock.now = datetime(2026, 12, 3, 9, 0, tzinfo=UTC)  # type: ignore[attr-defined]
    publish(runtime)
    with owner.begin() as connection:
        assert read_figures(connection, NOVEMBER).get("all", "all", "artisans") == 1500


_ATTACKS = (
    "UPDATE published_figure SET value = 12 WHERE measure = 'artisans'",
    "DELETE FROM published_figure",
    "TRUNCATE published_figure, published_month",
    "UPDATE published_month SET published_by = 'me'",
    "DELETE FROM published_month",
    "INSERT INTO published_figure VALUES ('2026-11-01', 'region', 'New', 'artisans', 10)",
)


def test_the_database_refuses_a_change(published: None, owner: Engine) -> None:
    for attack in _ATTACKS:
        with pytest.raises(DBAPIError), owner.begin() as connection:
            connection.execute(text(attack))


def test_the_command_publishes_what_is_over_and_nothing_to_come(app: Flask, register: None) -> None:
    for month, told in (("2025-03", True), ("2025-03", False), ("2026-11", True)):
        result = run_command(app, "figures", "publish", "--month", month, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.output)["new"] is told
    assert run_command(app, "figures", "publish", "--month", "2026-12").exit_code == 1
    assert run_command(app, "figures", "publish", "--month", "2026-13").exit_code == 2


def test_figures_are_read_from_the_replica(runtime: Runtime, register: None) -> None:
    url = runtime.settings.database_url
    settings = runtime.settings.model_copy(update={"figures_database_url": url})
    another = Runtime(settings, clock=runtime.clock)
    assert another.figures_database is not another.database
    assert make_month(another.database, another.figure_books, NOVEMBER, runtime.clock()) > 500
    drop_connections(runtime)
    with reading(another.figures_database) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1, "one that died costs nobody"
    for engine in (another.figures_database, another.database):
        engine.dispose()
    another.redis.close()
