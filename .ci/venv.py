"""Makes `.venv` and installs a requirements file into it, unless that is done already.

`make` calls it with the machine's own Python, so it needs nothing but the standard library:

    python3 .ci/venv.py requirements.txt

Several may run at once: one installs, the others wait. Whatever a killed run, a moved checkout, a
Python that is gone or a changed requirement left behind is noticed and made good.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / "unfinished"
OLDEST = (3, 11)
SIGN_OF_LIFE_SECONDS = 15

# Prints what a sound environment of ours must print: where it is and a Python that will do.
PROBE = "import pip, sys; print(sys.prefix, *sys.version_info[:2])"
PIP = "install -qq --require-hashes --disable-pip-version-check --no-input --progress-bar=off"


def main(requirements: str) -> None:
    with one_at_a_time() as lock:
        if (trouble := what_is_wrong()) is not None:
            say(f"Making .venv with Python {sys.version.split()[0]}{trouble}")
            make_venv(lock)
        if not is_installed(requirements):
            install(requirements, lock)


def say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - a program of its own


@contextmanager
def one_at_a_time() -> Iterator[int]:
    """Holds the checkout itself, so that there is no lock file to leave behind."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Waiting for another make that is installing")
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield lock
    finally:
        os.close(lock)


def what_is_wrong() -> str | None:
    """None where `.venv` can be used, else why not, in words that end a sentence."""
    if not VENV.exists():
        return ""
    if UNFINISHED.exists():
        return ", the last installation did not end"
    probe = (
        subprocess.run([PYTHON, "-c", PROBE], capture_output=True, text=True, check=False)
        if PYTHON.exists()
        else None
    )
    if probe is None or probe.returncode != 0:
        return ", the one there does not work"
    prefix, major, minor = probe.stdout.rsplit(maxsplit=2)
    if (int(major), int(minor)) < OLDEST:
        return ", the one there is too old"
    # Every installed command begins with the path of its Python.
    if prefix != str(VENV) or str(PYTHON) not in (VENV / "bin" / "pip").read_text():
        return ", the checkout was moved"
    return None


def make_venv(lock: int) -> None:
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()
    # Not --clear: it would take the mark away too.
    if run_aloud([sys.executable, "-m", "venv", VENV], lock) != 0:
        sys.exit("Python could not make .venv, see above")


def is_installed(requirements: str) -> bool:
    stamp = stamp_of(requirements)
    return stamp.exists() and stamp.read_text() == digest(requirements)


def install(requirements: str, lock: int) -> None:
    files = included(requirements)
    count = sum("==" in line for name in files for line in (ROOT / name).read_text().splitlines())
    say(f"Installing the {count} packages of {requirements}, about a minute the first time")
    for name in files:
        stamp_of(name).unlink(missing_ok=True)
    UNFINISHED.touch()
    command = [PYTHON, "-m", "pip", *PIP.split(), "--root-user-action=ignore", "-r", requirements]
    failed = run_aloud(command, lock)
    UNFINISHED.unlink()  # pip takes back itself what it cannot end
    if failed:
        sys.exit(f"pip could not install {requirements}, see above; is the network there?")
    for name in files:
        stamp_of(name).write_text(digest(name))
    say("Installed")


def run_aloud(command: list[str | Path], lock: int) -> int:
    """Its exit code. Ended with us; should we be killed, it holds the lock as long as it lives."""
    child = subprocess.Popen(
        command, cwd=ROOT, pass_fds=[lock], stdin=subprocess.DEVNULL, start_new_session=True
    )
    seconds = 0
    try:
        while True:
            try:
                return child.wait(SIGN_OF_LIFE_SECONDS)
            except subprocess.TimeoutExpired:
                seconds += SIGN_OF_LIFE_SECONDS
                say(f"  still at it after {seconds} s")
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise


def stamp_of(requirements: str) -> Path:
    return VENV / f"installed-{requirements}"


def digest(requirements: str) -> str:
    """Changes with the requirements and with the Python they are installed for."""
    text = "".join((ROOT / name).read_text() for name in included(requirements))
    libraries = sorted(path.name for path in (VENV / "lib").iterdir())
    return hashlib.sha256(f"{libraries}\n{text}".encode()).hexdigest()


def included(requirements: str) -> list[str]:
    """The file and those it takes in with `-r`."""
    lines = (ROOT / requirements).read_text().splitlines()
    inner = [line.removeprefix("-r ").strip() for line in lines if line.startswith("-r ")]
    return [requirements, *(name for one in inner for name in included(one))]


def leave(number: int, frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, leave)
    try:
        main(sys.argv[1])
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
