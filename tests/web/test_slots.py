"""Many pages at one instant: they wait their turn for a moment, and no longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from flask import Flask

from tests.phone import TestPhone


@contextmanager
def taken(app: Flask, seconds: float) -> Iterator[None]:
    """Every slot, for so long."""
    slots, many = app.extensions["page_slots"], app.extensions["maalem"].settings.page_slots
    for _ in range(many):
        slots.acquire()

    def leave() -> None:
        time.sleep(seconds)
        for _ in range(many):
            slots.release()

    with ThreadPoolExecutor(1) as later:
        done = later.submit(leave)
        yield
        done.result()


@pytest.mark.parametrize("path", ["/metrics", "/mm/v1.2/heartbeat"])
def test_page_waits_a_moment_for_a_slot(app: Flask, path: str) -> None:
    with taken(app, 0.05):
        assert app.test_client().get(path).status_code in (200, 401)


@pytest.mark.parametrize("path", ["/metrics", "/mm/v1.2/heartbeat"])
@pytest.mark.usefixtures("sample_people")
def test_page_waits_briefly_for_a_slot_and_a_phone_not_at_all(
    app: Flask, phone: TestPhone, path: str
) -> None:
    with taken(app, 1.5):
        began = time.monotonic()
        answer = app.test_client().get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert phone.dial("+212600000001")
        assert time.monotonic() - began < 1.2
