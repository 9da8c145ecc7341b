"""Many requests at one instant: each kind waits for its own slots, and for a moment only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask

from app.runtime import Runtime
from app.web.server import THREADS
from app.web.slots import OFFICE_KINDS, SLOT_SHARES, Kind
from tests.phone import TestPhone

PATHS = {
    Kind.API: "/mm/v1.2/heartbeat",
    Kind.READINESS: "/readyz",
    Kind.METRICS: "/metrics",
    Kind.PUBLIC: "/agent",
}


@contextmanager
def taken(app: Flask, kind: Kind, seconds: float) -> Iterator[None]:
    """Every slot of a kind, for so long."""
    slots, many = app.extensions["slots"][kind], 0
    while slots.take_free():
        many += 1

    def leave() -> None:
        time.sleep(seconds)
        for _ in range(many):
            slots.leave()

    with ThreadPoolExecutor(1) as later:
        done = later.submit(leave)
        yield
        done.result()


@pytest.mark.parametrize("kind", PATHS)
def test_request_waits_a_moment_for_a_slot(app: Flask, kind: Kind) -> None:
    with taken(app, kind, 0.05):
        assert app.test_client().get(PATHS[kind]).status_code in (200, 401)


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.usefixtures("sample_people")
def test_request_waits_briefly_for_a_slot_and_no_other_kind_waits_with_it(
    app: Flask, phone: TestPhone, kind: Kind
) -> None:
    with taken(app, kind, 1.5):
        began = time.monotonic()
        answer = app.test_client().get(PATHS[kind])
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert phone.dial("+212600000001")
        for other, path in PATHS.items():
            if other is not kind:
                assert app.test_client().get(path).status_code in (200, 401)
        assert app.test_client().get("/healthz").status_code == 200
        assert time.monotonic() - began < 1.4


@pytest.mark.parametrize("gateway", ["africastalking", "generic"])
def test_phone_without_a_slot_gets_a_screen(app: Flask, gateway: str) -> None:
    with taken(app, Kind.PHONES, 1.5):
        answer = app.test_client().post(f"/ussd/{gateway}", data={"sessionId": "1"})
    assert answer.status_code == 200
    assert "Panne. Dans 10 min: *384#" in answer.text


def test_database_has_a_connection_for_every_slot(runtime: Runtime) -> None:
    slots = {kind: share.slots for kind, share in SLOT_SHARES.items()}
    office = sum(slots.pop(kind) for kind in OFFICE_KINDS)
    assert runtime.office_database.pool.size() == office  # type: ignore[attr-defined]
    assert runtime.database.pool.size() == sum(slots.values())  # type: ignore[attr-defined]


def test_all_who_work_or_wait_leave_threads_for_health() -> None:
    others = [share for kind, share in SLOT_SHARES.items() if kind is not Kind.PHONES]
    assert sum(share.slots + share.waiting for share in others) < THREADS
