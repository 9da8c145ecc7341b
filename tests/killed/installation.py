"""An installation of its own whose parts are killed: engines, web server, worker, commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import psutil
from sqlalchemy.exc import OperationalError

from app.embedded import (
    engine_urls,
    postgres_pid,
    redis_pid,
    start_postgres,
    start_redis,
    stop_postgres,
    stop_redis,
)
from app.enrolment.registry import import_registry
from app.enrolment.sample_rows import sample_rows
from app.migrating import upgrade
from app.runtime import Runtime
from app.settings import Settings
from tests.conftest import free_port, load_sample_people
from tests.servers import Process, await_ready, web, worker
from tests.wire import add_agent_phones, until_answered

# An agent's phone dials once: a broken-off dialogue would be offered again.
ARTISANS, AGENTS = 6000, 50_000


class Installation:
    """Durable engines, a web server and a worker; each is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self.folder = folder
        urls = engine_urls(self._data)
        self.environment = {
            "DATABASE_URL": urls.database_url,
            "REDIS_URL": urls.redis_url,
            "REVERSALS_A_DAY": "100000",
        }
        self.runtime = Runtime(
            Settings(database_url=urls.database_url, redis_url=urls.redis_url, log_level="error")
        )
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self._web, self._worker = web(port, self.environment), worker(self.environment)
        self._commands: list[Process] = []

    def open(self) -> None:
        """Starts everything, with artisans who owe and agents who collect."""
        start_postgres(self._data, durable=True)
        start_redis(self._data)
        upgrade(self.runtime.database)
        load_sample_people(self.runtime, self.folder)
        register = self.folder / "register.csv"
        register.write_text("\n".join(sample_rows(ARTISANS)) + "\n", encoding="utf-8")
        today = self.runtime.clock().date()
        import_registry(
            self.runtime.database,
            register,
            keys=self.runtime.keys,
            today=today,
            progress=None,
        )
        self.agent_phones = iter(add_agent_phones(self.runtime.database, AGENTS))
        with self.runtime.database.begin() as connection:
            connection.exec_driver_sql("UPDATE artisan SET language = 'fr'")
            connection.exec_driver_sql("UPDATE api_client SET requests_a_minute = 1000000")
        self._web.start()
        self._worker.start()
        await_ready(self.base)

    def close(self) -> None:
        for process in (self._web, self._worker):
            process.end()
        self.runtime.database.dispose()
        self.runtime.redis.close()
        stop_redis(self._data)
        stop_postgres(self._data)

    def is_recovered(self) -> bool | None:
        """True once the database answers again, on a new connection; None before."""
        self.runtime.database.dispose()
        with suppress(OperationalError), self.runtime.database.connect() as connection:
            return bool(connection.exec_driver_sql("SELECT true").scalar())
        return None

    def run(self, *arguments: str) -> Process:
        """Starts a `flask` command, which the victim `command` kills while it runs."""
        command = Process(("flask", *arguments), self.environment)
        self._commands = [each for each in self._commands if each.running]
        self._commands.append(command)
        command.start()
        return command

    @property
    def victims(self) -> dict[str, Callable[[Random], None]]:
        """The parts by name, each with the function that kills it with -9 and starts it again."""
        return {
            "web": self._kill_web,
            "worker": self._kill_worker,
            "redis": self._kill_redis,
            "postgres": self._kill_postgres,
            "backend": self._kill_backend,
            "command": self._kill_commands,
        }

    def _kill_web(self, _random: Random) -> None:
        self._web.kill()
        self._web.start()

    def _kill_worker(self, _random: Random) -> None:
        self._worker.kill()
        self._worker.start()

    def _kill_redis(self, _random: Random) -> None:
        """Redis forgets the dialogues since it last saved."""
        _kill(redis_pid(self._data))
        start_redis(self._data)

    def _kill_postgres(self, _random: Random) -> None:
        _kill(postgres_pid(self._data))
        start_postgres(self._data)

    def _kill_backend(self, random: Random) -> None:
        """PostgreSQL ends its other processes when one is killed, and recovers by itself."""
        server = postgres_pid(self._data)
        if server is not None and (found := psutil.Process(server).children()):
            _kill(random.choice(found).pid)
            until_answered(lambda: postgres_pid(self._data))

    def _kill_commands(self, random: Random) -> None:
        """Kills the commands that run, else the web server."""
        running = [command for command in self._commands if command.running]
        for command in running:
            command.kill()
        if not running:
            self._kill_web(random)


def _kill(pid: int | None) -> None:
    """Waits until the process is gone: a dying one would be mistaken for one that runs."""
    if pid is not None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            process.kill()
            process.wait(20)


@contextmanager
def open_installation(folder: Path) -> Iterator[Installation]:
    installation = Installation(folder)
    try:
        installation.open()
        yield installation
    finally:
        installation.close()
