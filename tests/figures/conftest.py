"""A register of some hundred people and its published month, loaded once in a test process."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.base.clock import local_date
from app.base.months import Month
from app.base.operation import operation
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.figures.service import make_month, publish_month
from app.runtime import Runtime
from tests.database import Snapshot

NOVEMBER = Month(2026, 11)
_PEOPLE = 1500
_LOADED: list[Snapshot] = []


@pytest.fixture
def register(runtime: Runtime, owner: Engine, tmp_path: Path) -> None:
    """A register of made-up people, without the sample people."""
    if _LOADED:
        _LOADED[0].restore(owner)
        return
    load_register(runtime, tmp_path, _PEOPLE)
    _LOADED.append(Snapshot.take(owner))


def load_register(runtime: Runtime, folder: Path, rows: int) -> None:
    path = folder / "register.csv"
    path.write_text("\n".join(sample_rows(rows)) + "\n", "utf-8")
    today = local_date(runtime.clock())
    import_registry(runtime.database, path, keys=runtime.keys, today=today, progress=None)


def publish(runtime: Runtime, month: Month = NOVEMBER) -> bool:
    make_month(runtime.database, runtime.figure_books, month, runtime.clock())
    with operation(runtime.database, runtime.clock(), "operator") as change:
        return publish_month(change, month, early=True)


@pytest.fixture
def published(runtime: Runtime, register: None) -> None:
    """The register's month, published."""
    assert publish(runtime)
