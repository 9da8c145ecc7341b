"""Running an engine: its account, its processes, its last words."""

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
from pathlib import Path

import psutil

from app.base.errors import MaalemError
from app.embedded.urls import ORIGIN, EngineFolder

_POLL_SECONDS = 0.02
_ROOM_TO_START = 1 << 20  # bytes
_COMPLAINT = re.compile(
    r"\b(error|fatal|panic):|\b(could not|can't|failed|fatal|unrecoverable)\b", re.IGNORECASE
)


class EngineFailed(MaalemError):
    """An embedded engine cannot run; `what` names it, `why` is one line for whoever typed."""

    code = "embedded_engine"

    def __str__(self) -> str:
        return f"{self.params['what']}: {self.params['why']}"


@dataclass(frozen=True, slots=True)
class Account:
    """The user that an engine runs as. `prefix` is the command that becomes that user."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


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
        raise EngineFailed(
            what="root", why="cannot run the engines without setpriv (Linux); be another user"
        )
    # The one right of root that stays: to pass folders that only root may enter. Without the bit
    # access(2), which PostgreSQL asks about its own programs, would not count it.
    rights = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
    bit = ("--securebits", "+no_setuid_fixup")
    become = (setpriv, "--reuid", str(uid), "--regid", str(gid), "--clear-groups", *bit, *rights)
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


def write_origin(folder: EngineFolder, origin: str) -> None:
    """Notes in the engine's folder which program was started."""
    note = folder.home / ORIGIN
    note.unlink(missing_ok=True)  # root's file can be replaced by the folder's owner, not written
    note.write_text(origin)


def mark_of(folder: EngineFolder) -> str:
    """A word that an engine of this very folder carries in its command line, and no other does.

    Command lines can be read by all; a working folder not even by root in many a container.
    """
    home = folder.home.stat()
    return f"maalem-{home.st_dev}-{home.st_ino}"


def processes_of(folder: EngineFolder, *names: str) -> list[psutil.Process]:
    """The living processes of one of these names that an engine of `folder` consists of."""
    found: list[psutil.Process] = []
    if not folder.home.exists():
        return found
    mark = re.compile(rf"\b{mark_of(folder)}\b")
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.name() in names and mark.search(" ".join(process.cmdline()))
            if ours and not gone(process):
                found.append(process)
    return found


def first_of(processes: list[psutil.Process]) -> psutil.Process | None:
    """The one that is nobody's child among them: the server itself."""
    pids = {process.pid for process in processes}
    for process in processes:
        with suppress(psutil.Error):
            if process.ppid() not in pids:
                return process
    return None


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
        caller.settimeout(2)
        try:
            caller.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError:
            pass  # not allowed to, or a listener too busy to answer: there is one
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
    """Returns the first line of `words` that says what went wrong, or an empty string.

    A full disk leaves an engine no room to say it, so that is looked up.
    """
    if shutil.disk_usage(folder).free < _ROOM_TO_START:
        return f"the disk of {folder} is full"
    return next((line.strip() for line in words.splitlines() if _COMPLAINT.search(line)), "")
