"""Grants are given anew while a report reads for long and people call."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text

from app.base.database import reading
from app.migrating import renew_grants
from app.runtime import Runtime

_LOOK = text("SELECT count(*) FROM artisan")


def test_grants_given_anew_hold_up_no_caller(runtime: Runtime, owner: Engine) -> None:
    with ThreadPoolExecutor(1) as threads, runtime.database.connect() as report:
        report.execute(_LOOK)
        renewing = threads.submit(renew_grants, owner)
        try:
            waits = [_time_look(runtime) for _ in range(10)]
            assert not renewing.done(), "it waits for the report"
        finally:
            report.rollback()
        assert "stands behind it" in renewing.result(30)
    # Their tables are waited for a fifth of a second.
    assert max(waits) < 1


def _time_look(runtime: Runtime) -> float:
    time.sleep(0.1)
    began = time.monotonic()
    with reading(runtime.database) as connection:
        connection.execute(_LOOK)
    return time.monotonic() - began
