"""The whole service in its clustered form on this machine, whose parts are killed in turn."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from sqlalchemy import text

from app.base.database import connect
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.reminders.calendar import SHIPPED
from app.runtime import Runtime
from app.settings import ROOT, Settings
from benchmarks.messages import FLASK, PROVIDERS, loopback
from tests.conftest import free_port, load_sample_people
from tests.doors.deployment import make_certificate
from tests.servers import Process, await_ready, web, worker
from tests.storm.engines import REDIS_FORMS, RESTART_SECONDS, Databases, Door

WEBS, WORKERS, DOORS = 3, 2, 2
# Everybody owes, in the language whose screens the callers read.
ALL_OWE = """
    UPDATE artisan SET category = 'A', coefficient = 0.75, language = 'fr', rights_until = NULL,
        enrolled_on = '2026-01-01' WHERE id > 20
"""
UNLIMITED = "UPDATE api_client SET requests_a_minute = 1000000"
CALLERS = """
    SELECT phone FROM artisan WHERE id > 20 AND phone IN
        (SELECT phone FROM artisan GROUP BY 1 HAVING count(*) = 1) ORDER BY id
"""


class Installation:
    """Doors, web processes, workers, poolers, databases and Redis, each kind more than once."""

    def __init__(self, folder: Path, redis: str) -> None:
        self._folder = folder
        self.sms_url = ""
        self.databases = Databases(folder)
        self.redis = REDIS_FORMS[redis](folder / "redis")
        ports = [free_port() for _ in range(WEBS)]
        self.certificate = folder / "certificate.pem"
        make_certificate(folder)
        _write_calendar(folder / "calendar.yaml")
        self.doors = [
            Door(folder / f"door-{number}", ports, folder / "door.pem") for number in range(DOORS)
        ]
        self._ports = ports
        self._webs: list[Process] = []
        self._workers: list[Process] = []
        self._kills = 0

    def start(self, artisans: int) -> None:
        """Starts everything, with so many artisans who owe."""
        self.databases.start()
        self.redis.start()
        self._fill(artisans)
        environment = self.environment
        self._webs = [web(port, environment) for port in self._ports]
        self._workers = [worker(environment) for _ in range(WORKERS)]
        for each in (*self._webs, *self._workers, *self.doors):
            each.start()
        for port in self._ports:
            await_ready(f"http://127.0.0.1:{port}")

    def stop(self) -> None:
        for process in (*self._workers, *self._webs):
            process.kill()
        for door in self.doors:
            door.kill()
        self.databases.stop()
        self.redis.stop()

    @property
    def environment(self) -> dict[str, str]:
        return PROVIDERS | {
            "APP_ENV": "development",
            "DATABASE_URL": self.databases.url,
            "FIGURES_DATABASE_URL": self.databases.replica_url,
            "REDIS_URL": self.redis.url,
            "SMS_PROVIDERS": "africastalking",
            "AFRICASTALKING_URL": self.sms_url,
            "PUBLIC_URL": self.doors[0].base,
            "TRUSTED_PROXIES": "127.0.0.1",
            "REMINDERS_CALENDAR": str(self._folder / "calendar.yaml"),
        }

    def find_callers(self) -> list[str]:
        owner = connect(self.databases.primary.url)
        with owner.connect() as connection:
            phones = list(connection.execute(text(CALLERS)).scalars())
        owner.dispose()
        return phones

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a `flask` command on the primary itself."""
        here = self.environment | {"DATABASE_URL": self.databases.owners_url}
        return subprocess.run(
            [str(FLASK), *command], cwd=ROOT, env=os.environ | here, capture_output=True, text=True
        )

    @property
    def victims(self) -> dict[str, Callable[[], float]]:
        """The parts by name, each with the function that kills one with -9 and has it come back.

        It returns the moment at which another stood in its place.
        """
        return {
            "worker": lambda: self._kill(self._workers),
            "web": lambda: self._kill(self._webs),
            "redis": self.redis.fail_over,
            "postgresql": self.databases.fail_over,
            "pooler": self._kill_pooler,
            "door": lambda: self._kill(self.doors),
        }

    def _kill(self, processes: list[Process] | list[Door]) -> float:
        victim = processes[self._kills % len(processes)]
        self._kills += 1
        victim.kill()
        time.sleep(RESTART_SECONDS)
        victim.start()
        return time.monotonic()

    def _kill_pooler(self) -> float:
        """Kills the one before the primary, by which everybody goes."""
        pooler = self.databases.poolers[self.databases.primary]
        pooler.stop()
        time.sleep(RESTART_SECONDS)
        pooler.start()
        return time.monotonic()

    def _fill(self, artisans: int) -> None:
        settings = Settings(
            database_url=self.databases.primary.url, redis_url=self.redis.url, log_level="error"
        )
        maalem = Runtime(settings)
        load_sample_people(maalem, self._folder)
        register = self._folder / "register.csv"
        register.write_text("\n".join(sample_rows(artisans)) + "\n", encoding="utf-8")
        today = maalem.clock().date()
        import_registry(maalem.database, register, keys=maalem.keys, today=today, progress=None)
        with maalem.database.begin() as connection:
            connection.execute(text(ALL_OWE))
            connection.execute(text(UNLIMITED))
        maalem.database.dispose()
        maalem.redis.close()


def _write_calendar(path: Path) -> None:
    """Writes a calendar by which the month's reminder may be said on each of its days."""
    calendar = yaml.safe_load(SHIPPED.read_bytes())
    window = {"from": "2025-01-01", "opens": "0:00", "closes": "23:59", "sure": "ASM"}
    calendar["window"] = [window | {"source": "of the storm"}]
    calendar["closed_weekdays"] = calendar["fixed_holidays"] = calendar["moving_holidays"] = []
    calendar["steps"]["week"] |= {"days_before": 31, "useful_days": 31}
    path.write_text(yaml.safe_dump(calendar, sort_keys=False))


@contextmanager
def installed(folder: Path, artisans: int, redis: str) -> Iterator[Installation]:
    """Runs it beside a provider on the loopback, which reports to it by a door.

    `redis` is a form of `REDIS_FORMS`.
    """
    installation = Installation(folder, redis)
    trusting = {"SSL_CERT_FILE": str(installation.certificate)}
    with loopback(installation.environment | trusting, "--latency-ms=50") as sms_url:
        installation.sms_url = sms_url
        try:
            installation.start(artisans)
            yield installation
        finally:
            installation.stop()
