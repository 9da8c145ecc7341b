"""The ground of every measurement: real, durable engines with a full register in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy import Engine, select

from app.base.clock import local_date
from app.base.database import take_time
from app.base.engine_urls import EngineUrls
from app.contributions.rules import is_collected_here
from app.embedded import using_engines
from app.enrolment.models import artisan
from app.enrolment.queries import Artisan
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.migrating import upgrade
from app.payments.dues import unpaid_months
from app.runtime import Runtime
from app.settings import ROOT, Settings

ROWS, QUICK_ROWS = 360_000, 30_000
_OF_CALLERS = (
    artisan.c.id,
    artisan.c.full_name,
    artisan.c.language,
    artisan.c.category,
    artisan.c.coefficient,
    artisan.c.enrolled_on,
    artisan.c.rights_until,
    artisan.c.rights_as_of,
)


@dataclass
class Stage:
    """The engines' addresses, and how much is asked of them (`quick`: less of everything).

    `beside` is another checkout to measure in turn with this one, under its own Python, or None.
    `months` are those behind the register, where there are any; `artisans` is how large it is, None
    for its usual size.
    """

    folder: Path
    urls: EngineUrls
    runtime: Runtime
    quick: bool
    beside: Path | None = None
    beside_python: str = sys.executable
    months: int = 12
    artisans: int | None = None
    _callers: Iterator[tuple[int, str]] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment that leads a process of the service to the engines.

        It has the program's bytecode, as an image has it: the first process writes it.
        """
        return {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "APP_ENV": "development",
            "DATABASE_URL": self.urls.database_url,
            "REDIS_URL": self.urls.redis_url,
        }

    @property
    def rows(self) -> int:
        return self.artisans or (QUICK_ROWS if self.quick else ROWS)

    @property
    def register(self) -> Path:
        """The file of the sample register, made at the first asking."""
        path = self.folder / "register.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in sample_rows(self.rows))
        return path

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Another, empty database beside the one at work, gone afterwards; its address."""
        with psycopg.connect(self.urls.database_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            try:
                yield self.urls.database_url.replace("/maalem?", f"/{name}?")
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def callers(self, count: int) -> list[tuple[int, str]]:
        """The next `count` artisans who owe, by id and phone; each is given out once."""
        if self._callers is None:
            self.fill()
            self._callers = list_debtors(self.runtime.database, local_date(self.runtime.clock()))
        found = list(islice(self._callers, count))
        if len(found) < count:
            raise RuntimeError("the register holds too few who owe")
        return found

    def phones(self, count: int) -> list[str]:
        return [phone for _, phone in self.callers(count)]

    def fill(self) -> None:
        """Imports the register, unless its own measurement has done so."""
        with self.runtime.database.connect() as connection:
            if connection.execute(select(artisan.c.id).limit(1)).first():
                return
        today = local_date(self.runtime.clock())
        import_registry(self.runtime.database, self.register, keys=self.runtime.keys, today=today)


@contextmanager
def stage(
    quick: bool, beside: Path | None = None, beside_python: str = sys.executable
) -> Iterator[Stage]:
    """Starts engines in a folder of their own, which is removed afterwards."""
    with TemporaryDirectory(prefix="maalem-bench-") as name:
        folder = Path(name)
        with using_engines(folder / "data", durable=True) as urls:
            settings = Settings(
                app_env="development",
                database_url=urls.database_url,
                redis_url=urls.redis_url,
                log_level="error",
            )
            runtime = Runtime(settings)
            upgrade(runtime.database)
            try:
                yield Stage(folder, urls, runtime, quick, beside, beside_python)
            finally:
                runtime.database.dispose()
                runtime.redis.close()


def run(module: str, *arguments: str, environment: dict[str, str]) -> str:
    """Runs a program in a process of its own; returns what it prints."""
    done = subprocess.run(
        (sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def read_peak_mb() -> float:
    """Returns the most memory that this program held, in MB.

    `getrusage` also counts what the process held before it became this program: its parent's.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024 / 1e6


def list_debtors(engine: Engine, today: date) -> Iterator[tuple[int, str]]:
    """Yields id and phone of the artisans who owe, from the register's beginning."""
    with engine.begin() as connection:
        take_time(connection)
        rows = connection.execute(select(artisan.c.phone, *_OF_CALLERS).order_by(artisan.c.id))
        everybody = rows.all()
    for phone, *values in everybody:
        person = Artisan(*values)
        if is_collected_here(person.category) and unpaid_months(person, frozenset(), today):
            yield person.id, phone
