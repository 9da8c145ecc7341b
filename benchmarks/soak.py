"""`python -m benchmarks.soak [MESSAGES]`: messages through both loopback providers, faults and all.

5% of the requests fail, in every way there is; 2% of the reports say failed, come twice, in
disorder, with unknown words, or never; workers are killed at random moments. At the end every
message must stand in a final state, none may be lost, and what came twice must be no more than
what was counted as sent again without knowing. Exits 1 where it is not so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from app.base.clock import utc_now
from app.base.database import connect
from app.base.operation import operation
from app.embedded import using_engines
from app.messaging.reports import time_out_reports
from app.messaging.retries import GIVEN_UP_AFTER
from app.settings import ROOT
from benchmarks.messages import FLASK, PROVIDERS, always_open, fill, loopback, waiting
from benchmarks.servers import free_port, service

MESSAGES, WORKERS, SEED = 100_000, 2, 20261125
_LATENCY_MS, _TIMEOUT_SECONDS, _SLOW_MS = 50, 2.0, 4_000
_GIVEN_UP_SECONDS = 3600


def main(messages: int) -> int:
    began = time.monotonic()
    with TemporaryDirectory(prefix="maalem-soak-") as name:
        folder = Path(name)
        with using_engines(folder / "data", durable=True) as urls:
            environment = (
                PROVIDERS
                | always_open(folder)
                | {
                    "APP_ENV": "development",
                    "DATABASE_URL": urls.database_url,
                    "REDIS_URL": urls.redis_url,
                    "SMS_TIMEOUT": str(_TIMEOUT_SECONDS),
                    "SMS_WEIGHTS": "africastalking=1,twilio=1",
                }
            )
            fill(urls.database_url, messages)
            counts, references = _soak(folder, environment)
            found = _count_states(urls.database_url, references)
    found |= {"seconds": round(time.monotonic() - began), **counts}
    print(json.dumps(found, indent=2))
    return _judge(found, messages)


def _soak(folder: Path, environment: dict[str, str]) -> tuple[dict[str, Any], set[str]]:
    """Runs until nothing waits; returns the providers' counts and the references they gave."""
    port = free_port()
    environment |= {"PUBLIC_URL": f"http://127.0.0.1:{port}"}
    faults = ("--faults=0.05", f"--latency-ms={_LATENCY_MS}", "--report-faults=0.02")
    with service(folder, environment, port=port), loopback(environment, *faults) as address:
        _control(f"{address}/control", {"slow_ms": _SLOW_MS})
        environment |= {"AFRICASTALKING_URL": address, "TWILIO_URL": address}
        kills = _kill_until_done(environment, address)
        counts = _get_provider_counts(address)
        listed = _control(f"{address}/control/messages?list=true")["messages"]
        return {"kills": kills, **counts}, {message["reference"] for message in listed}


def _kill_until_done(environment: dict[str, str], address: str) -> int:
    """Workers come and are killed at random moments; how many died so.

    Until nothing waits and no report is still to come: one that says failed queues a message anew.
    """
    random, kills, began = Random(SEED), 0, time.monotonic()
    workers = [_worker(environment) for _ in range(WORKERS)]
    try:
        while left := (
            _control(f"{address}/control/messages")["reports_waiting"]
            + waiting(environment["DATABASE_URL"])
        ):
            if time.monotonic() - began > _GIVEN_UP_SECONDS:
                raise RuntimeError(f"{left} messages and reports still wait")
            print(f"{left:,} wait, reports too; {kills} kills", file=sys.stderr, flush=True)
            time.sleep(4 + 6 * random.random())
            victim = random.randrange(WORKERS)
            workers[victim].kill()
            workers[victim].wait()
            kills += 1
            workers[victim] = _worker(environment)
    finally:
        for process in workers:
            process.terminate()
        for process in workers:
            process.wait(60)
    return kills


def _worker(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # Providers rest and are probed all the time here: that is not news.
    quiet = environment | {"LOG_LEVEL": "error"}
    return subprocess.Popen([str(FLASK), "worker"], cwd=ROOT, env=os.environ | quiet)


def _get_provider_counts(address: str) -> dict[str, Any]:
    """Returns the providers' own counts."""
    counts = _control(f"{address}/control/messages")
    kinds = Counter(counts["faults"])
    return {
        "taken": sum(counts["taken"].values()),
        "distinct": counts["distinct"],
        "came_twice": counts["duplicates"],
        "faults": sum(kinds.values()),
        "kinds_of_fault": len(kinds),
        "reports_answered": counts["reports"],
    }


def _control(address: str, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(settings).encode() if settings else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _count_states(url: str, references: set[str]) -> dict[str, Any]:
    """States as they are, and after the time that reports have is over.

    `lost`: held to be with a provider that never gave out its reference.
    """
    with psycopg.connect(url) as connection:
        before = dict(connection.execute("SELECT state, count(*) FROM message GROUP BY 1"))
    engine = connect(url, statement_timeout_ms=60_000)
    later = utc_now() + GIVEN_UP_AFTER + timedelta(hours=1)
    timed_out = 0
    while True:
        with operation(engine, later, "worker") as change:
            if not (some := time_out_reports(change)):
                break
            timed_out += some
    engine.dispose()
    with psycopg.connect(url) as connection:
        after = dict(connection.execute("SELECT state, count(*) FROM message GROUP BY 1"))
        resent = connection.execute(
            "SELECT sum(resent_unknown), count(*) FILTER (WHERE event_key LIKE '%:again')"
            " FROM message"
        ).fetchone()
        ours = connection.execute(
            "SELECT provider_reference FROM message WHERE provider_reference IS NOT NULL"
        ).fetchall()
        reports = connection.execute(
            "SELECT outcome, count(*), sum(times) FROM delivery_report GROUP BY 1"
        ).fetchall()
    return {
        "states_when_sent": before,
        "timed_out": timed_out,
        "states": after,
        "lost": len({reference for (reference,) in ours} - references),
        "resent_unknown": int(resent[0] or 0) if resent else 0,
        # A receipt not delivered is sent once more by the other provider: meant to come twice.
        "sent_again": int(resent[1]) if resent else 0,
        "reports": {str(outcome): [many, int(times)] for outcome, many, times in reports},
    }


def _judge(found: dict[str, Any], messages: int) -> int:
    """Prints each rule and whether it holds; returns 1 if one is broken, else 0."""
    states: dict[str, int] = found["states"]
    rules = {
        "every message is in a final state": sum(states.values()) == messages + found["sent_again"]
        and not set(states) - {"delivered", "failed", "cancelled", "unreported"},
        "none is lost: each that counts as sent is known to its provider": found["lost"] == 0,
        "what came twice was counted": found["came_twice"]
        <= found["resent_unknown"] + found["sent_again"],
    }
    for rule, holds in rules.items():
        print(f"{'yes' if holds else 'NO '} {rule}")
    return 0 if all(rules.values()) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
