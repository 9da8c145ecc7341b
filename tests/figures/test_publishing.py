"""A month is made from the books, published once and protected."""

from __future__ import annotations

from pathlib import Path

from app.base.clock import local_date
from app.base.months import Month
from app.base.operation import operation
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.figures.service import make_month, publish_month, read_figures
from app.runtime import Runtime

NOVEMBER = Month(2026, 11)


def load_register(runtime: Runtime, folder: Path, rows: int) -> None:
    path = folder / "register.csv"
    path.write_text("\n".join(sample_rows(rows)) + "\n", "utf-8")
    today = local_date(runtime.clock())
    import_registry(runtime.database, path, keys=runtime.keys, today=today, progress=None)


def publish_register(runtime: Runtime, folder: Path, rows: int) -> None:
    load_register(runtime, folder, rows)
    make_month(runtime.database, runtime.figure_books, NOVEMBER, runtime.clock())
    with operation(runtime.database, runtime.clock(), "operator") as change:
        assert publish_month(change, NOVEMBER, early=True)


def test_a_month_is_published_once(runtime: Runtime, tmp_path: Path) -> None:
    publish_register(runtime, tmp_path, 400)
    with operation(runtime.database, runtime.clock(), "operator") as change:
        assert not publish_month(change, NOVEMBER, early=True)
        raw = read_figures(change.connection, NOVEMBER)
    assert raw.get("all", "all", "artisans") == 400
