"""Finds PostgreSQL's own programs and runs them against the database that is backed up."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from app.backup.errors import BackupFailed
from app.embedded.platform import this_platform
from app.embedded.postgres import POSTGRES
from app.embedded.programs import read_version

_DEBIAN = Path("/usr/lib/postgresql")
_CONNECT_SECONDS = 10
_NO_REPLICATION = re.compile(r"permission denied to start WAL sender|must be superuser|pg_hba")


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """The server that is backed up: its own number, major version, timeline and how to reach it.

    Each restore begins another `timeline`: the 8 digits that names of the log begin with.
    `environment` has the address as libpq reads it: a password has no place in a command line.
    """

    number: str
    version: int
    timeline: str
    environment: Mapping[str, str]


def find_server(url: str) -> DatabaseServer:
    """Asks the server who it is, as a role that may copy it.

    Raises: BackupFailed if it is away, or the role may not.
    """
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            replication="true",
            connect_timeout=_CONNECT_SECONDS,
            # Otherwise text is bytes where the server's own encoding is none.
            client_encoding="utf8",
        ) as connection:
            row = connection.execute("IDENTIFY_SYSTEM").fetchone()
            version = connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        said = str(error).strip().splitlines()[0]
        if _NO_REPLICATION.search(str(error)):
            said = "the role may not copy the server: it needs REPLICATION, and a line in pg_hba"
        raise BackupFailed(what="PostgreSQL", why=said) from None
    assert row
    return DatabaseServer(str(row[0]), version, f"{int(row[1]):08X}", _read_environment(url))


def find_program(name: str, version: int) -> Path:
    """Returns a program of PostgreSQL of that major version. Raises: BackupFailed."""
    path = os.environ.get("PATH", os.defpath)
    platform = this_platform(path)
    found = [platform.find_program(name), _DEBIAN / str(version) / "bin" / name]
    found += [platform.find_packaged(*inside[:-1], name) for inside in POSTGRES.installed]
    found += sorted(platform.cellar.glob(f"*/{'/'.join(POSTGRES.installed[0][:-1])}/{name}"))
    for program in found:
        if program and program.exists() and (read_version(program) or (0,))[0] == version:
            return program
    why = f"{name} of version {version} is not here (Debian: postgresql-{version})"
    raise BackupFailed(what="PostgreSQL", why=why)


def run_for_output(
    program: Path, options: tuple[str, ...], environment: Mapping[str, str], said: list[str]
) -> Iterator[bytes]:
    """Yields what a program writes; what it says beside that is added to `said`, line by line.

    Raises: BackupFailed if it ends with an error.
    """
    running = subprocess.Popen(
        [program, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=make_environment(environment),
    )
    assert running.stdout
    assert running.stderr
    with running:
        try:
            while piece := running.stdout.read(1 << 20):
                yield piece
        except BaseException:
            running.kill()
            raise
        said += running.stderr.read().decode(errors="replace").splitlines()
    if running.returncode:
        raise BackupFailed(what=program.name, why=said[-1] if said else "it failed")


def make_environment(address: Mapping[str, str]) -> dict[str, str]:
    """Returns our environment with the server's address in place of any other, in plain English."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "MAALEM_OPERATOR_"))
    }
    return {**own, **address, "LC_ALL": "C", "TZ": "UTC"}


def _read_environment(url: str) -> dict[str, str]:
    """Returns the variables by which libpq reads an address."""
    given = conninfo_to_dict(url)
    known = {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar
    }
    return {known[name]: str(value) for name, value in given.items() if name in known}
