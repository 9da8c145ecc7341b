"""Runs an engine's commands: its account, its folders, its processes and its error messages."""

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
_ERROR_LINE = re.compile(
    r"\b(error|fatal|panic):|\b(could not|can't|failed|fatal|unrecoverable)\b", re.IGNORECASE
)


class EngineFailed(MaalemError):
    """An embedded engine cannot run; `what` names it, `why` is one line for the user."""

    code = "embedded_engine"

    def __str__(self) -> str:
        return f"{self.params['what']}: {self.params['why']}"


@dataclass(frozen=True, slots=True)
class Account:
    """The user that an engine runs as. `prefix` is the command that becomes that user."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def give(self, path: Path) -> None:
        """Gives a path of ours to the account. What it has already is let alone.

        Under systemd's filters nobody may even ask for it.
        """
        status = path.lstat()
        if (status.st_uid, status.st_gid) != (self.uid, self.gid):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_account(folder: Path) -> Account:
    """Returns our own account; for root the folder's owner or `nobody`: PostgreSQL refuses root."""
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
    # One right of root is kept: to pass folders that only root may enter. PostgreSQL checks its
    # own programs with access(2), which counts that right only with this bit.
    rights = ("--inh-caps", "+dac_override", "--ambient-caps", "+dac_override")
    bit = ("--securebits", "+no_setuid_fixup")
    become = (setpriv, "--reuid", str(uid), "--regid", str(gid), "--clear-groups", *bit, *rights)
    return Account(uid, gid, become)


def make_folders(folder: EngineFolder, account: Account) -> None:
    """Makes the engine's folders, closed to everybody else.

    Raises: EngineFailed if a folder belongs to another user.
    """
    for path in dict.fromkeys((folder.home, folder.sockets)):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700, parents=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (account.uid, os.geteuid()):
            raise EngineFailed(what=path, why="belongs to another user; set another DATA_DIR")
        account.give(path)
        path.chmod(0o700)


def write_origin(folder: EngineFolder, origin: str) -> None:
    """Writes into the engine's folder which program was started."""
    file = folder.home / ORIGIN
    file.unlink(missing_ok=True)  # the folder's owner may replace root's file, but not write it
    file.write_text(origin)


def make_mark(folder: EngineFolder) -> str:
    """Returns the word that marks the folder's engines in their command lines.

    Everybody can read a command line. In many containers not even root can read a working folder.
    """
    home = folder.home.stat()
    return f"maalem-{home.st_dev}-{home.st_ino}"


def list_processes(folder: EngineFolder, *names: str) -> list[psutil.Process]:
    """Returns the living processes of the engine in `folder` that have one of the names."""
    processes: list[psutil.Process] = []
    if not folder.home.exists():
        return processes
    mark = re.compile(rf"\b{make_mark(folder)}\b")
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.name() in names and mark.search(" ".join(process.cmdline()))
            if ours and not has_ended(process):
                processes.append(process)
    return processes


def find_server(processes: list[psutil.Process]) -> psutil.Process | None:
    """Returns the server itself: the process whose parent is none of `processes`."""
    pids = {process.pid for process in processes}
    for process in processes:
        with suppress(psutil.Error):
            if process.ppid() not in pids:
                return process
    return None


def has_ended(process: psutil.Process) -> bool:
    """True if the process has ended, even if its parent never reaps it, as in some containers."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def end(process: psutil.Process, *steps: tuple[signal.Signals, float]) -> None:
    """Sends each signal and waits its seconds for the process to end, then kills it."""
    for number, seconds in (*steps, (signal.SIGKILL, 5.0)):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if has_ended(process):
                return
            time.sleep(_POLL_SECONDS)


def refuse_stranger(path: Path, what: str) -> None:
    """Raises: EngineFailed if a process that we cannot see or do not own listens at `path`."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(2)
        try:
            caller.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError:
            pass  # we may not connect, or the listener is too busy: somebody listens
    raise EngineFailed(
        what=what,
        why="these files are in use by another user or container; stop it or set another DATA_DIR",
    )


def run(
    account: Account, folder: Path, command: Iterable[str | Path], what: str, *, words: str = ""
) -> str:
    """Runs `command` in `folder` with `words` as its input, and returns its output.

    Raises: EngineFailed if it exits with an error.
    """
    # A PGHOST or PGDATA of the user must not lead the engine elsewhere, and an engine outlives the
    # command whose user's secret is in the environment.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "MAALEM_OPERATOR_"))
    }
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
        raise EngineFailed(what=what, why=find_error(done.stdout, folder) or "did not start")
    return done.stdout


def find_error(words: str, folder: Path) -> str:
    """Returns the first line of `words` that names an error, or an empty string.

    A full disk keeps an engine from writing its error, so the disk is checked here.
    """
    if shutil.disk_usage(folder).free < _ROOM_TO_START:
        return f"the disk of {folder} is full"
    return next((line.strip() for line in words.splitlines() if _ERROR_LINE.search(line)), "")
