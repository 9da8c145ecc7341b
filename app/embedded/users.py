"""The users of the engines: the first process to come starts them, the last one stops them."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

from app.base.engine_urls import EngineUrls
from app.embedded.postgres import postgres_pid, start_postgres, stop_postgres
from app.embedded.processes import EngineFailed, end
from app.embedded.redis import redis_pid, start_redis, stop_redis
from app.embedded.urls import engine_urls, postgres_folder, redis_folder

_CHECKOUT = Path(__file__).resolve().parents[2]

# Waits until nobody holds the lock. If a pid file is left then, it stops the engines.
_KEEPER = """\
import fcntl, os, sys
lock, *pid_files = sys.argv[1:4]
fcntl.flock(int(lock), fcntl.LOCK_EX)
if any(map(os.path.exists, pid_files)):
    os.execv(sys.argv[4], sys.argv[4:])
"""


@contextmanager
def using_engines(
    data_dir: Path,
    say: Callable[[str], None] = lambda words: None,
    *,
    durable: bool = True,
    postgres: bool = True,
    redis: bool = True,
) -> Iterator[EngineUrls]:
    """Keeps both engines under `data_dir` running inside the block; starts those that do not run.

    `say` is called with a line before each step that takes time. `durable=False` is for tests.
    `postgres=False` or `redis=False` leaves that engine alone.

    Raises: EngineFailed, with the reason why an engine cannot run.
    """
    data_dir = data_dir.resolve()
    with (
        _leave_on_signals(),
        _lock_file(data_dir, "turn") as turn,
        _lock_file(data_dir, "users") as users,
    ):
        servers: list[psutil.Process] = []
        try:
            with _hold_lock(turn):
                # Waits only while the keeper stops the engines that a killed user left.
                fcntl.flock(users, fcntl.LOCK_SH)
                _start_missing(data_dir, say, durable=durable, postgres=postgres, redis=redis)
                servers = _list_servers(data_dir)
            yield engine_urls(data_dir)
        finally:
            with _hold_lock(turn):
                _leave(data_dir, users, servers)


def stop_engines(data_dir: Path) -> None:
    """Stops both engines, even if somebody uses them."""
    stop_redis(data_dir)
    stop_postgres(data_dir)
    for folder in (redis_folder(data_dir), postgres_folder(data_dir)):
        if folder.sockets != folder.home:
            with suppress(OSError):  # a killed engine's socket, or somebody else's, is still there
                folder.sockets.rmdir()


def _start_missing(
    data_dir: Path, say: Callable[[str], None], *, durable: bool, postgres: bool, redis: bool
) -> None:
    if (postgres and not postgres_pid(data_dir)) or (redis and not redis_pid(data_dir)):
        _start_keeper(data_dir)
    try:
        if postgres:
            start_postgres(data_dir, say, durable=durable)
        if redis:
            start_redis(data_dir, say)
    except OSError as error:
        raise EngineFailed(what=error.filename or data_dir, why=error.strerror) from None


def _list_servers(data_dir: Path) -> list[psutil.Process]:
    return [psutil.Process(pid) for pid in (postgres_pid(data_dir), redis_pid(data_dir)) if pid]


def _leave(data_dir: Path, users: IO[str], servers: list[psutil.Process]) -> None:
    fcntl.flock(users, fcntl.LOCK_UN)
    if os.fstat(users.fileno()).st_nlink == 0:
        # The folder was deleted, so the keeper finds nothing to stop in it. A folder that stands
        # in its place by now belongs to another user.
        _kill(servers)
        return
    if _is_last_user(users):
        stop_engines(data_dir)
        _kill(servers)  # an engine still runs if only its own folder was deleted


def _is_last_user(users: IO[str]) -> bool:
    # The keeper is no user, though it may get the lock first: a shared lock waits until it ends.
    for _ in range(2):
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        fcntl.flock(users, fcntl.LOCK_SH)
    return False


def _kill(servers: list[psutil.Process]) -> None:
    # They have nothing left to save. A server that ends by itself removes its sockets, and those
    # may belong to its successor by now.
    for server in servers:
        end(server)


def _start_keeper(data_dir: Path) -> None:
    """Starts a small process that stops the engines if every user is killed."""
    pid_files = (
        postgres_folder(data_dir).home / "data" / "postmaster.pid",
        redis_folder(data_dir).home / "redis.pid",
    )
    stop = [sys.executable, "-m", "app.embedded", str(data_dir)]
    with _lock_file(data_dir, "users") as lock:
        keeper = [sys.executable, "-I", "-S", "-c", _KEEPER, str(lock.fileno()), *pid_files, *stop]
        # A shell starts it and ends at once, so that we have no child to wait for.
        subprocess.run(
            ["/bin/sh", "-c", '"$0" "$@" &', *map(str, keeper)],
            check=True,
            cwd=_CHECKOUT,
            pass_fds=[lock.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextmanager
def _lock_file(data_dir: Path, name: str) -> Iterator[IO[str]]:
    """Opens a file to lock. The kernel frees the lock when its holder ends, even if killed."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / f"engines.{name}.lock").open("a")
    except OSError as error:
        raise EngineFailed(what=data_dir, why=f"{error.strerror}; set another DATA_DIR") from None
    with file:
        if os.geteuid() == 0:
            owner = data_dir.stat()
            os.chown(file.fileno(), owner.st_uid, owner.st_gid)
        yield file


@contextmanager
def _hold_lock(file: IO[str]) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def _leave_on_signals() -> Iterator[None]:
    """Lets the block end before a signal ends the process, unless the signal has a handler."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    ours = [s for s in (signal.SIGTERM, signal.SIGHUP) if main and not _has_handler(s)]
    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _has_handler(number: signal.Signals) -> bool:
    return signal.getsignal(number) is not signal.SIG_DFL
