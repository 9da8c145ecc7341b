"""What going back over a migration loses is declared, all of it, and told before it begins."""

from __future__ import annotations

import re

from click.testing import Result
from flask import Flask
from sqlalchemy import Engine, text

from app import create_app
from app.base.engine_urls import EngineUrls
from app.migrating import (
    current_revision,
    downgrade,
    find_losses,
    find_step_before,
    upgrade,
)
from app.runtime import Runtime
from app.settings import ROOT, Settings
from app.way_back import Loss, read_losses, write_question
from tests.db.test_migrations import bare

__all__ = ["bare"]
SOURCES = {
    path.stem: path.read_text("utf-8") for path in (ROOT / "migrations/versions").glob("*.py")
}


def test_all_that_a_step_back_drops_is_declared_and_nothing_else(bare: Engine) -> None:
    declared = {loss.revision: loss for loss in read_losses()}
    upgrade(bare)
    # Nothing is there: the whole way back loses nothing, and each can be asked for at the newest.
    assert find_losses(bare, "base") == []
    while (now := current_revision(bare)) != "none":
        before = _list_columns(bare)
        loss = declared.pop(now, Loss(now, "", (), (), ()))
        for each in (*loss.where, *loss.stops):  # each can be asked for
            with bare.connect() as connection:
                assert not connection.execute(text(write_question(each))).scalar()
        downgrade(bare, find_step_before(now))
        after = _list_columns(bare)
        named = {each for each in (*loss.where, *loss.no_loss) if " WHERE " not in each}
        if now != "0001_first":
            assert _spell(before, after) == named, now
        # Rows that it takes away or changes.
        going_back = SOURCES[now].partition("def downgrade")[2] + _find_constants(SOURCES[now])
        for table in re.findall(r"DELETE FROM (\w+)", going_back):
            assert any(each.partition(" ")[0] == table for each in loss.where), (now, table)
    assert declared == {}, "of no migration"


def test_a_way_back_that_loses_says_so_first_and_waits_for_a_yes(
    bare: Engine, own_urls: EngineUrls
) -> None:
    url = bare.url.render_as_string(hide_password=False).replace("+psycopg", "")
    runtime = Runtime(Settings(database_url=url, redis_url=own_urls.redis_url))
    app, newest, back = create_app(runtime), upgrade(bare), "0040_codes_in_one_statement"
    with bare.begin() as connection:
        connection.execute(text("INSERT INTO outage (engine, began_at) VALUES ('redis', now())"))
    assert [loss.revision for loss in find_losses(bare, back)] == ["0041_outages"]
    told = _run(app, "downgrade", back)
    assert told.exit_code == 1 and "0041_outages loses outages that were noted" in told.output
    assert "--lose" in told.output and current_revision(bare) == newest
    done = _run(app, "downgrade", back, "--lose")
    assert done.exit_code == 0, done.output
    assert current_revision(bare) == back
    assert find_losses(bare, "0039_hops_by_day") == []
    runtime.owners_database.dispose()


def _run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["db", *words])


def _list_columns(engine: Engine) -> set[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("""
                SELECT c.relname, a.attname FROM pg_class c
                JOIN pg_attribute a ON a.attrelid = c.oid
                WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
                    AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
            """)
        )
        return {(row.relname, row.attname) for row in rows}


def _spell(before: set[tuple[str, str]], after: set[tuple[str, str]]) -> set[str]:
    """Returns the tables that went, and `table.column` of those that stayed."""
    stayed = {table for table, _ in after}
    return {f"{table}.{column}" if table in stayed else table for table, column in before - after}


def _find_constants(source: str) -> str:
    return "".join(re.findall(r'(?s)^_(?:DOWN|BACK) = """(.*?)"""', source, re.MULTILINE))
