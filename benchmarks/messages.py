"""P9: messages a second from one worker, the provider answering in 200 ms."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import yaml

from app.base.database import connect
from app.migrating import upgrade
from app.reminders.calendar import SHIPPED
from app.settings import ROOT
from benchmarks.findings import Finding
from benchmarks.servers import await_answer, free_port
from benchmarks.stage import Stage

FLASK = Path(sys.executable).parent / "flask"
# Receipts and reminders as they are, each to a number of its own.
_FILL = """
    INSERT INTO message (event_key, kind, phone, language, body, encoding, segments, units,
                         priority, created_at, due_at)
    SELECT 'bench:' || n, CASE WHEN n %% 10 = 0 THEN 'reminder_due' ELSE 'receipt' END,
           '+2126' || lpad(n::text, 8, '0'), 'fr',
           'Maalem: recu ' || n || '. 163,52 DH payes le 23/11/2026, agence W-RABAT-01',
           'GSM-7', 1, 75, CASE WHEN n %% 10 = 0 THEN 1 ELSE 0 END, now(), now()
    FROM generate_series(1, %s) n
"""
PROVIDERS = {
    "SMS_PROVIDERS": "africastalking,twilio",
    "AFRICASTALKING_USERNAME": "maalem",
    "AFRICASTALKING_API_KEY": "bench-key",
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000001",
    "TWILIO_AUTH_TOKEN": "bench-token",
    "TWILIO_FROM": "+15005550006",
    "LOG_LEVEL": "error",
}


def measure(stage: Stage) -> list[Finding]:
    rates, peaks = [], []
    environment = stage.environment | PROVIDERS | always_open(stage.folder)
    for number in range(1 if stage.quick else 3):
        with stage.database(f"messages_{number}") as url:
            fill(url, 3_000 if stage.quick else 9_000)
            rate, peak = _one_run(environment | {"DATABASE_URL": url})
        rates.append(rate)
        peaks.append(peak)
    what = "messages a second, one worker, a provider answering in 200 ms"
    return [
        Finding("P9", what, "/s", rates, at_least=500),
        Finding("P9", "most memory of that worker", "MB", peaks),
    ]


def always_open(folder: Path) -> dict[str, str]:
    """Returns the setting of a calendar without closed hours and days."""
    calendar = yaml.safe_load(SHIPPED.read_bytes())
    window = {"from": "2025-01-01", "opens": "0:00", "closes": "23:59", "sure": "ASM"}
    calendar["window"] = [window | {"source": "of the measurement"}]
    calendar["closed_weekdays"] = calendar["fixed_holidays"] = calendar["moving_holidays"] = []
    path = folder / "calendar.yaml"
    path.write_text(yaml.safe_dump(calendar, sort_keys=False))
    return {"REMINDERS_CALENDAR": str(path)}


def fill(url: str, count: int) -> None:
    """Migrates an empty database and queues that many messages in it."""
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
    with psycopg.connect(url) as connection:
        connection.execute(_FILL, (count,))


def _one_run(environment: dict[str, str]) -> tuple[float, float]:
    with (
        loopback(environment, "--latency-ms", "200") as address,
        worker(environment | {"AFRICASTALKING_URL": address, "TWILIO_URL": address}) as process,
    ):
        peak = 0.0
        while waiting(environment["DATABASE_URL"]):
            peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1e6)
            time.sleep(0.2)
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT count(*) / extract(epoch FROM max(sent_at) - min(sent_at)) FROM message"
        ).fetchone()
    assert row
    return float(row[0]), peak


def waiting(url: str) -> int:
    """Returns how many messages are queued or on their way."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM message WHERE state IN ('queued', 'sending')"
        ).fetchone()
    assert row
    return int(row[0])


@contextmanager
def loopback(environment: dict[str, str], *options: str) -> Iterator[str]:
    """Runs both providers in a process of their own; yields their address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "app.sms.loopback", f"--port={port}", *options],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        await_answer(process, f"{address}/control/messages")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            # It still reports to a service that has ended.
            process.kill()
            process.wait(15)


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([str(FLASK), "worker"], cwd=ROOT, env=os.environ | environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
