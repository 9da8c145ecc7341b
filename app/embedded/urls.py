"""Where the engines of a data folder are found: folders, sockets and addresses, all by name."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# PostgreSQL names its socket after a port, even where it listens on none.
POSTGRES_SOCKET = ".s.PGSQL.5432"
REDIS_SOCKET = "redis.sock"

# A socket's path has 108 bytes on Linux and 104 on macOS; some are left for the closing NUL.
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """Addresses as DATABASE_URL and REDIS_URL write them."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class EngineFolder:
    """`home` holds an engine's files, `sockets` its socket; the same folder unless home is deep."""

    home: Path
    sockets: Path


def engine_urls(data_dir: Path) -> EngineUrls:
    """The addresses of the engines under `data_dir`, running or not. Touches nothing."""
    postgres_sockets = quote(str(postgres_folder(data_dir).sockets), safe="")
    redis_socket = quote(str(redis_folder(data_dir).sockets / REDIS_SOCKET))
    return EngineUrls(
        database_url=f"postgresql://postgres@/maalem?host={postgres_sockets}",
        redis_url=f"unix://{redis_socket}",
    )


def postgres_folder(data_dir: Path) -> EngineFolder:
    return _folder(data_dir, "postgres", POSTGRES_SOCKET)


def redis_folder(data_dir: Path) -> EngineFolder:
    return _folder(data_dir, "redis", REDIS_SOCKET)


def _folder(data_dir: Path, name: str, socket: str) -> EngineFolder:
    home = data_dir.resolve() / name
    # libpq reads a comma as the end of one host and the start of the next.
    if len(os.fsencode(home / socket)) <= _LONGEST_SOCKET_PATH and "," not in str(home):
        return EngineFolder(home, home)
    short = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return EngineFolder(home, Path(tempfile.gettempdir()) / f"maalem-{short}")
