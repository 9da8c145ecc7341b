"""`make run` started again, stopped and killed in every way; and the making of `.venv`."""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil
import psycopg
import pytest

from app.embedded import engine_urls, postgres_pid, redis_pid, using_engines
from tests.production import as_environment

CHECKOUT = Path(__file__).parents[1]
SERVE = (sys.executable, "-m", "flask", "serve")
# Variables of the machine's environment that must not change what these tests see.
OURS = ("APP_ENV", "DATABASE_URL", "FLASK_APP", "REDIS_URL", "SECRET_KEY", "SMS_PROVIDERS")
PAGES = ("/", "/simulator", "/agent", "/metrics", "/readyz")
# Those who need the first run share it: it takes longest of all.
of_one_process = pytest.mark.xdist_group("make run")
MAKES = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")


class Run:
    """A `make run` or `flask serve` with its port and data folder; its output goes to a file."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "instance"
        self.output = folder / "output"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        # What was said once it was ready, and what each page answered, where somebody asked.
        self.said_ready: list[str] = []
        self.served: dict[str, int] = {}

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        inherited = {k: v for k, v in os.environ.items() if k not in OURS + MAKES}
        ours = {"PORT": str(self.port), "DATA_DIR": str(self.data_dir)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command or SERVE,
                cwd=CHECKOUT,
                env={**inherited, **ours, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def said(self) -> str:
        return self.output.read_text()

    def until_ready(self) -> None:
        wait_until(lambda: "ready on" in self.said() or self.ended(), 180)
        assert f"ready on http://127.0.0.1:{self.port}" in self.said()

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def until_ended(self) -> int:
        """Returns the exit code. The contract gives ten seconds from signal to last process."""
        assert self.process
        deadline = time.monotonic() + 10
        code = self.process.wait(10)
        wait_until(lambda: self.living() == [], deadline - time.monotonic())
        return code

    def living(self, command: str = "") -> list[psutil.Process]:
        """Returns the processes with our DATA_DIR in their environment, and `command` if named."""
        processes = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("DATA_DIR") == str(self.data_dir)
                alive = process.status() != psutil.STATUS_ZOMBIE
                if ours and alive and command in " ".join(process.cmdline()):
                    processes.append(process)
            except psutil.Error:
                continue
        return processes

    def get(self, path: str) -> int:
        """Returns the status of a page; 0 without an answer."""
        try:
            with build_opener(ProxyHandler({})).open(
                f"http://127.0.0.1:{self.port}{path}", timeout=10
            ) as answer:
                return int(answer.status)
        except URLError:
            return 0

    def sql(self, statement: str) -> None:
        with psycopg.connect(engine_urls(self.data_dir).database_url) as connection:
            connection.execute(statement)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run whose data folder is still to be made."""
    with killed_at_the_end(Run(tmp_path)) as run:
        yield run


@contextmanager
def killed_at_the_end(run: Run) -> Iterator[Run]:
    yield run
    for process in run.living():
        process.kill()
    wait_until(lambda: run.living() == [], 10)
    if run.process:
        run.process.wait(10)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A first run that was asked to end once it was ready, with what it served meanwhile."""
    with killed_at_the_end(Run(tmp_path_factory.mktemp("first"))) as first:
        first.start()
        first.until_ready()
        first.said_ready = first.said().splitlines()
        first.served = {page: first.get(page) for page in PAGES}
        first.sql("CREATE TABLE kept AS SELECT 1 AS one")
        os.kill(first.process.pid, signal.SIGTERM)
        assert first.until_ended() == 0
    return first


@pytest.fixture
def second_run(run: Run, first_run: Run) -> Run:
    """A run that finds the data of the first, so that its start is short."""
    # Root gives PostgreSQL's files a user of their own.
    subprocess.run(["cp", "-Rp", first_run.data_dir, run.data_dir], check=True)
    return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(0.1)


@of_one_process
def test_runs_says_where_and_who(first_run: Run) -> None:
    output = first_run.said_ready
    assert output[-1].startswith(f"ready on http://127.0.0.1:{first_run.port}")
    assert any(line.startswith("PostgreSQL: postgres 18.") for line in output)
    assert any(line.startswith("Redis: ") and "-server " in line for line in output)
    assert first_run.served == dict.fromkeys(PAGES, 200)
    for page in ("/", "/simulator", "/agent", "/metrics"):
        assert any(f"http://127.0.0.1:{first_run.port}{page} " in line for line in output)
    for last in ("01", "02", "03", "04", "05", "06", "07", "08", "91", "99"):
        assert any(line.lstrip().startswith(f"+2126000000{last} ") for line in output)
    assert f"Logs: {first_run.data_dir / 'logs/run.log'}" in output
    assert len(output) < 30 and not any(line.startswith("{") for line in output), "it is quiet"
    assert "8 sample people and agent 1001 are loaded" in output


@of_one_process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_make_run_leaves_no_process_behind(second_run: Run, number: int) -> None:
    """A supervisor sends signals to `make` alone; a terminal sends SIGINT to the group."""
    second_run.start("make", "run")
    second_run.until_ready()
    if number == signal.SIGINT:
        os.killpg(second_run.process.pid, number)
    else:
        os.kill(second_run.process.pid, number)
    second_run.until_ended()
    assert "Traceback" not in second_run.said()


@of_one_process
def test_make_passes_no_interrupt_on_and_yet_all_ends(second_run: Run) -> None:
    second_run.start("make", "run")
    second_run.until_ready()
    os.kill(second_run.process.pid, signal.SIGINT)
    second_run.until_ended()


@of_one_process
def test_a_second_start_keeps_the_data_and_a_killed_run_takes_all_with_it(second_run: Run) -> None:
    second_run.start()
    second_run.until_ready()
    said = second_run.said()
    assert "sample people and agent" not in said and "data of the last run" in said
    second_run.sql("SELECT one FROM kept")
    os.kill(second_run.process.pid, signal.SIGKILL)
    second_run.until_ended()
    second_run.start()
    second_run.until_ready()
    # All processes are killed at once, as when memory runs out, and none can clean up.
    for process in second_run.living():
        process.kill()
    second_run.until_ended()
    second_run.start()
    second_run.until_ready()
    second_run.sql("SELECT one FROM kept")
    os.kill(second_run.process.pid, signal.SIGINT)
    assert second_run.until_ended() == 0


@of_one_process
def test_a_dead_worker_is_started_again_and_a_dead_web_server_ends_all(second_run: Run) -> None:
    second_run.start()
    second_run.until_ready()
    (worker,) = second_run.living("-m flask worker")
    worker.kill()
    wait_until(lambda: second_run.living("-m flask worker") not in ([], [worker]), 20)
    assert "the worker ended with exit code -9" in second_run.said()
    assert "the last lines of" in second_run.said()
    second_run.living("-m granian")[0].kill()
    assert second_run.until_ended() == 1
    assert "the web server ended with exit code" in second_run.said()


def test_a_busy_port_is_named(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", run.port))
        other.listen()
        run.start()
        assert run.process.wait(30) == 1
    assert f"port {run.port}: Address already in use; choose another" in run.said()
    assert not run.data_dir.exists()


def test_production_is_refused(run: Run) -> None:
    run.start(**as_environment())
    assert run.process.wait(30) == 1
    assert run.said().splitlines() == [
        "Error: flask serve is for development; in production start web processes and "
        "`flask worker`"
    ]


def test_engines_that_the_environment_names_are_used_and_left_alone(
    run: Run, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    with using_engines(elsewhere, durable=False) as urls:
        started = postgres_pid(elsewhere), redis_pid(elsewhere)
        run.start(APP_ENV="development", DATABASE_URL=urls.database_url, REDIS_URL=urls.redis_url)
        run.until_ready()
        os.kill(run.process.pid, signal.SIGTERM)
        assert run.until_ended() == 0
        assert "PostgreSQL: as DATABASE_URL says\nRedis: as REDIS_URL says\n" in run.said()
        assert [file.name for file in run.data_dir.iterdir()] == ["logs"]
        assert (postgres_pid(elsewhere), redis_pid(elsewhere)) == started


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout with the set-up in it and nothing to install: no network is needed."""
    checkout = tmp_path / "bare"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(CHECKOUT / ".ci" / "venv.py", checkout / ".ci")
    (checkout / "requirements.txt").write_text("# nothing\n")
    (checkout / "requirements-dev.txt").write_text("-r requirements.txt\n")
    return checkout


def set_up(checkout: Path, requirements: str = "requirements.txt") -> list[str]:
    command = [sys.executable, ".ci/venv.py", requirements]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert (checkout / ".venv" / "bin" / "python").exists()
    # On a busy machine the script prints now and then that it is still at work.
    return [line for line in done.stdout.splitlines() if not line.startswith("  still at it")]


def test_venv_is_made_once_and_again_after_a_change_or_a_move(bare: Path) -> None:
    made, installing, installed = set_up(bare, "requirements-dev.txt")
    assert made.startswith("Making .venv with Python 3.")
    assert (installing[:10], installed) == ("Installing", "Installed")
    assert set_up(bare, "requirements-dev.txt") == []
    assert set_up(bare, "requirements.txt") == []
    (bare / "requirements.txt").write_text("# something else\n")
    assert [line[:10] for line in set_up(bare, "requirements.txt")] == ["Installing", "Installed"]
    assert set_up(bare, "requirements-dev.txt")[-1] == "Installed"
    moved = bare.rename(bare.with_name("moved"))
    assert set_up(moved)[0].endswith("the checkout was moved")
    assert set_up(moved) == []


def test_venv_that_a_killed_run_left_is_made_again(bare: Path) -> None:
    with subprocess.Popen(
        [sys.executable, ".ci/venv.py", "requirements.txt"], cwd=bare, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout
        assert killed.stdout.readline().startswith(b"Making")
        wait_until((bare / ".venv" / "bin" / "python").exists, 60)
        killed.kill()
    assert any(line.endswith("the last installation did not end") for line in set_up(bare))
    assert set_up(bare) == []


def make_wheel(folder: Path) -> str:
    """Makes a package for pip to find in a folder; returns its SHA-256."""
    info = "thing-1.dist-info"
    wheel = folder / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_package_without_its_hash_is_not_installed(bare: Path) -> None:
    digest = make_wheel(bare)
    here = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(bare), "PIP_CONFIG_FILE": "/"}
    command = [sys.executable, ".ci/venv.py", "requirements.txt"]
    for pin in ("thing==1\n", f"thing==1 --hash=sha256:{'0' * 64}\n"):
        (bare / "requirements.txt").write_text(pin)
        refused = subprocess.run(command, cwd=bare, env=here, capture_output=True, text=True)
        assert refused.returncode == 1 and "hash" in refused.stderr.lower(), refused.stderr
        assert not list((bare / ".venv").rglob("thing.py"))
    (bare / "requirements.txt").write_text(f"thing==1 --hash=sha256:{digest}\n")
    taken = subprocess.run(command, cwd=bare, env=here, capture_output=True, text=True)
    assert taken.returncode == 0, taken.stderr
    assert list((bare / ".venv").rglob("thing.py"))


class Pythons:
    """A PATH that holds scripts in place of Pythons, and a shell's tools."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()

    def add(self, name: str, version: tuple[int, int], *, venv: bool = True) -> None:
        """Adds a Python that names this version, with or without its venv module."""
        code = f"import sys; sys.version_info = ({version[0]}, {version[1]}, 0, 'final', 0)"
        lacking = "" if venv else "; sys.modules.update(ensurepip=None, venv=None)"
        script = f'#!/bin/sh\nexec {sys.executable} -c "{code}{lacking}\n$2"\n'
        self.script(name, script)

    def script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def choose(self, *names: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", CHECKOUT / ".ci" / "find-python", *names],
            cwd=self.folder,
            env={"PATH": f"{self.folder}:/nowhere"},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def pythons(tmp_path: Path) -> Pythons:
    made = Pythons(tmp_path / "bin")
    made.script("tail", f'#!/bin/sh\nexec {shutil.which("tail")} "$@"\n')
    return made


def test_fastest_python_that_the_pins_allow_is_preferred(pythons: Pythons) -> None:
    pythons.script(
        "python3.14", "#!/bin/sh\necho 'pyenv: python3.14: command not found' >&2\nexit 127\n"
    )
    pythons.add("python3.12", (3, 12))
    pythons.add("python3.11", (3, 11))
    assert pythons.choose().stdout == "python3.11\n"
    pythons.add("python3.13", (3, 13))
    assert pythons.choose().stdout == "python3.13\n"
    pythons.add("python3.14", (3, 14))
    assert pythons.choose().stdout == "python3.14\n"
    assert pythons.choose("python3.11").stdout == "python3.11\n"


def test_python_without_venv_too_old_or_too_new_is_named_with_what_to_do(pythons: Pythons) -> None:
    pythons.add("python3.13", (3, 13), venv=False)
    pythons.add("python3", (3, 9))
    pythons.script("apt-get", "#!/bin/sh\n")
    done = pythons.choose()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Python 3.11 to 3.14 with its venv module is needed. Found:",
        "  python3.13 (3.13) lacks its venv module: sudo apt install python3.13-venv",
        "  python3 is Python 3.9; 3.11 to 3.14 will do: sudo apt install python3-venv",
    ]
    pythons.add("python3.15", (3, 15))
    done = pythons.choose("python3.15")
    assert "python3.15 is Python 3.15; 3.11 to 3.14 will do" in done.stderr
    pythons.add("python3.12", (3, 12))
    done = pythons.choose()
    assert done.stdout == "python3.12\n"
    assert done.stderr == (
        "  python3.13 (3.13) lacks its venv module: sudo apt install python3.13-venv\n"
    )


def test_makefile_needs_no_make_newer_than_macos_brings() -> None:
    """GNU make 3.81 ignores newer features without a message, or fails."""
    text = (CHECKOUT / "Makefile").read_text()
    newer = (
        ".ONESHELL .SHELLFLAGS .RECIPEPREFIX .EXTRA_PREREQS $(file $(guile $(intcmp $(let undefine"
    )
    for word in (*newer.split(), "::=", "!=", "--output-sync", "private "):
        assert word not in text, word
    assert not re.search(r"(?m)^define \S+ *[:+?]?=", text)


def test_set_up_scripts_use_no_option_of_one_system_alone() -> None:
    """Scripts that run before the installation run under bash 3.2 and BSD tools too."""
    for name in ("find-python", "newcomer"):
        text = (CHECKOUT / ".ci" / name).read_text()
        assert text.startswith("#!/bin/sh\n")
        for word in ("[[", "mapfile", "readlink -f", "grep -P", "sed -i", "timeout ", "date -d"):
            assert word not in text, f"{name}: {word}"
