"""Everything at once, while a part of each kind is killed: nothing lost or twice, nobody misled."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from tests.pg_servers import folder_for_engines
from tests.storm.books import count_waiting, find_faults
from tests.storm.installation import Installation, installed
from tests.storm.report import Kill, write_report
from tests.storm.traffic import Traffic

SECONDS = float(os.environ.get("STORM_SECONDS", "32"))
HOPS_A_SECOND = float(os.environ.get("STORM_HOPS", "25"))
EVERY_SECONDS = float(os.environ.get("STORM_EVERY", "5"))
REDIS = os.environ.get("STORM_REDIS", "cluster")
# The parts that are killed, by name; all of them where none is named.
PARTS = os.environ.get("STORM_PARTS", "").split()
_WARM_SECONDS = 2.0
# A killed worker's lease, and the sending.
_SENT_AFTER_SECONDS = 75.0


@pytest.mark.slow_secrets
def test_nobody_is_misled_whatever_dies() -> None:
    # Each phone dials once; as many again are only reminded.
    callers = int(SECONDS * HOPS_A_SECOND / 5)
    with (
        folder_for_engines() as folder,
        installed(folder, 100 + 2 * callers, REDIS) as installation,
    ):
        traffic = Traffic(
            [door.base for door in installation.doors],
            str(installation.certificate),
            installation.find_callers(),
            HOPS_A_SECOND,
        )
        with ThreadPoolExecutor(2) as threads:
            began = time.monotonic()
            playing = threads.submit(traffic.run)
            reminding = threads.submit(_remind, installation)
            try:
                kills = list(_kill_in_turn(installation, began))
            finally:
                traffic.end()
            seconds = time.monotonic() - began
            playing.result()
            reminding.result()
        left = _await_sending(installation)
        (messages,) = installation.databases.primary.run("SELECT count(*) FROM message")[0]
        for line in write_report(traffic.told, kills, seconds, int(str(messages))):
            print(line, file=sys.stderr)
        faults = list(find_faults(installation, traffic.told))
        faults += [f"{left} messages wait"] if left else []
        assert not faults, "\n".join(faults)


def _remind(installation: Installation) -> None:
    """Gives the command as an operator does: again while an engine is away."""
    for _ in range(10):
        reminded = installation.run("reminders", "send")
        if reminded.returncode == 0:
            return
        assert "[unavailable: " in reminded.stderr, reminded.stderr
        time.sleep(2)
    raise AssertionError(reminded.stderr)


def _kill_in_turn(installation: Installation, began: float) -> Iterator[Kill]:
    """Kills a part every so often until the time is over; none where that is never."""
    at = began + (_WARM_SECONDS if EVERY_SECONDS else SECONDS + 1)
    for part in cycle(PARTS or installation.victims):
        time.sleep(max(0.0, min(at, began + SECONDS) - time.monotonic()))
        if at > began + SECONDS:
            return
        now = time.monotonic()
        yield Kill(part, now, installation.victims[part]())
        at += EVERY_SECONDS


def _await_sending(installation: Installation) -> int:
    """Waits until every message is with its provider; returns how many are not and stay so."""
    fewest, deadline = count_waiting(installation), time.monotonic() + _SENT_AFTER_SECONDS
    while (left := count_waiting(installation)) and time.monotonic() < deadline:
        if left < fewest:
            fewest, deadline = left, time.monotonic() + _SENT_AFTER_SECONDS
        time.sleep(0.5)
    return left
