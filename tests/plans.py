"""Reads from a statement's plan which tables it reads, so that a test can say which it must not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, event, text

from app.runtime import Runtime


def list_tables_read(runtime: Runtime, read: Callable[[Connection], object]) -> set[str]:
    """Returns the tables, or partitions, that `read`'s one statement reads, as for a million rows.

    What the plan names and never comes to is not read.
    """
    plans: list[dict[str, Any]] = []

    def explain(connection: Connection, _cursor: Any, statement: str, params: Any, *_: Any) -> None:
        raw = connection.connection.cursor()
        raw.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", params)
        (told,) = raw.fetchone() or ([],)
        plans.append(told[0]["Plan"])

    with runtime.database.connect() as connection:
        for dear in ("enable_sort", "enable_seqscan", "enable_bitmapscan"):
            connection.execute(text(f"SET LOCAL {dear} = off"))
        event.listen(connection, "after_cursor_execute", explain)
        read(connection)
        connection.rollback()
    (plan,) = plans
    return set(_list_tables(plan))


def _list_tables(plan: dict[str, Any]) -> Iterator[str]:
    if plan.get("Relation Name") and plan["Actual Loops"]:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _list_tables(part)
