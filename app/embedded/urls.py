"""The folders, sockets and addresses of a data folder's engines."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.base.engine_urls import EngineUrls

# PostgreSQL names its socket after a port, even where it listens on none.
POSTGRES_SOCKET = ".s.PGSQL.5432"
REDIS_SOCKET = "redis.sock"
# The file in an engine's folder that describes the program started there.
ORIGIN = "origin"

# A socket's path has 108 bytes on Linux and 104 on macOS; some are left for the closing NUL.
_LONGEST_SOCKET_PATH = 100
_SHORTEST = Path("/tmp")  # noqa: S108 - where TMPDIR too is deep; the folder is refused if another's


@dataclass(frozen=True, slots=True)
class EngineFolder:
    """`home` holds an engine's files, `sockets` its socket; the same folder unless home is deep."""

    home: Path
    sockets: Path


def engine_urls(data_dir: Path) -> EngineUrls:
    """Returns the addresses of the engines under `data_dir`, which need not run. Opens no file."""
    postgres_sockets = quote(str(postgres_folder(data_dir).sockets), safe="")
    redis_socket = quote(str(redis_folder(data_dir).sockets / REDIS_SOCKET))
    return EngineUrls(
        database_url=f"postgresql://postgres@/maalem?host={postgres_sockets}",
        redis_url=f"unix://{redis_socket}",
    )


def describe_engines(data_dir: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """Returns for each engine a text that names its program and where that comes from.

    An engine whose address is set is described by the variable that sets it.
    """
    engines = {
        "PostgreSQL": (database_url, "DATABASE_URL", postgres_folder(data_dir)),
        "Redis": (redis_url, "REDIS_URL", redis_folder(data_dir)),
    }
    return {
        name: f"as {variable} says" if url else (folder.home / ORIGIN).read_text()
        for name, (url, variable, folder) in engines.items()
    }


def postgres_folder(data_dir: Path) -> EngineFolder:
    return _folder(data_dir, "postgres", POSTGRES_SOCKET)


def redis_folder(data_dir: Path) -> EngineFolder:
    return _folder(data_dir, "redis", REDIS_SOCKET)


def _folder(data_dir: Path, name: str, socket: str) -> EngineFolder:
    home = data_dir.resolve() / name
    short = f"maalem-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    places = (home, Path(tempfile.gettempdir()) / short)
    sockets = next((place for place in places if _is_usable(place / socket)), _SHORTEST / short)
    return EngineFolder(home, sockets)


def _is_usable(socket: Path) -> bool:
    # libpq reads a comma as the end of one host and the start of the next.
    return len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH and "," not in str(socket)
