"""The embedded engines: each test starts, shares and kills real ones."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from redis import Redis
from sqlalchemy import make_url

from app.base.engine_urls import EngineUrls
from app.embedded import (
    EngineFailed,
    describe_engines,
    engine_urls,
    postgres_pid,
    redis_pid,
    start_postgres,
    start_redis,
    stop_postgres,
    stop_redis,
    using_engines,
)
from app.embedded.processes import has_ended
from tests.alone import ALONE

CHECKOUT = Path(__file__).parents[2]
Pids = tuple[int | None, int | None]

# Another command that uses the engines until it reads a line, or is ended.
USER = f"""{ALONE}
from pathlib import Path
from app.embedded import using_engines
with using_engines(Path(sys.argv[1]), durable=False):
    print("in", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """Yields the short path of a data folder to be made; fails if a process still runs in it."""
    with TemporaryDirectory(prefix="maalem-test-") as parent:
        folder = Path(parent) / "instance"
        yield folder
        assert pids(folder) == (None, None)


@pytest.fixture(scope="module")
def made_dir() -> Iterator[Path]:
    """Yields a data folder whose engines have been started and stopped once."""
    with TemporaryDirectory(prefix="maalem-test-") as parent:
        folder = Path(parent) / "instance"
        with using_engines(folder, durable=False):
            pass
        yield folder


@pytest.fixture
def data_dir(new_dir: Path, made_dir: Path) -> Path:
    """A data folder with files in it: making PostgreSQL's took longer than most tests."""
    # Root gives them a user of their own.
    subprocess.run(["cp", "-Rp", made_dir, new_dir], check=True)
    return new_dir


def pids(data_dir: Path) -> Pids:
    return postgres_pid(data_dir), redis_pid(data_dir)


def run_sql(urls: EngineUrls, statement: str) -> str:
    with psycopg.connect(urls.database_url, autocommit=True) as connection:
        done = connection.execute(statement)
        return str(done.fetchone()) if done.description else ""


@contextmanager
def redis_of(urls: EngineUrls) -> Iterator[Redis]:
    with closing(Redis.from_url(urls.redis_url, decode_responses=True)) as client:
        yield client


@contextmanager
def other_user(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs another process inside `using_engines`; `leave` or a signal ends it."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout
        assert user.stdout.readline() == "in\n"
        yield user
        user.kill()


def leave(user: subprocess.Popen[str]) -> None:
    assert user.communicate("\n", timeout=20)
    assert user.returncode == 0


def wait_until(happened: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill_all(data_dir: Path) -> None:
    """Kills every process of the engines, as a machine that loses power; the disk is kept."""
    for pid in filter(None, pids(data_dir)):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pids(data_dir) == (None, None))


def take_away(folder: Path) -> None:
    """Deletes a folder, with the files that a server makes in it meanwhile."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def test_both_engines_keep_their_data_over_a_clean_stop(new_dir: Path) -> None:
    lines: list[str] = []
    with using_engines(new_dir, lines.append) as urls, redis_of(urls) as redis:
        run_sql(urls, "CREATE TABLE kept AS SELECT 163.52 AS amount")
        redis.set("kept", "yes")
    assert pids(new_dir) == (None, None)
    assert lines == [
        "Making the files of a new PostgreSQL",
        "Starting PostgreSQL",
        "Starting Redis",
    ]
    with using_engines(new_dir) as urls, redis_of(urls) as redis:
        assert run_sql(urls, "SELECT amount::text FROM kept") == "('163.52',)"
        assert redis.get("kept") == "yes"


def test_durable_unless_for_tests_and_no_tcp_port(data_dir: Path) -> None:
    with using_engines(data_dir) as urls, redis_of(urls) as redis:
        assert run_sql(urls, "SHOW fsync") == "('on',)"
        assert run_sql(urls, "SHOW listen_addresses") == "('',)"
        assert redis.config_get("port") == {"port": "0"}
    with using_engines(data_dir, durable=False) as urls:
        assert run_sql(urls, "SHOW fsync") == "('off',)"


def test_the_last_user_stops_what_the_first_one_started(data_dir: Path) -> None:
    with other_user(data_dir) as first:
        started = pids(data_dir)
        with using_engines(data_dir, durable=False):
            assert pids(data_dir) == started
            leave(first)
            assert pids(data_dir) == started
        assert pids(data_dir) == (None, None)


def test_two_starters_at_once_share_one_pair(new_dir: Path) -> None:
    command = [sys.executable, "-c", USER, str(new_dir)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": CHECKOUT}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:
        assert [user.stdout.readline() for user in (one, two)] == ["in\n", "in\n"]
        started = pids(new_dir)
        leave(one)
        assert pids(new_dir) == started
        leave(two)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_engines_stop_when_their_only_user_is_ended(data_dir: Path, number: int) -> None:
    with other_user(data_dir) as user:
        assert None not in pids(data_dir)
        user.send_signal(number)
        user.wait(20)
        wait_until(lambda: pids(data_dir) == (None, None))


def test_a_killed_user_does_not_stop_them_for_the_others(data_dir: Path) -> None:
    with using_engines(data_dir, durable=False) as urls:
        started = pids(data_dir)
        with other_user(data_dir) as user:
            user.kill()
        assert pids(data_dir) == started
        assert run_sql(urls, "SELECT 1") == "(1,)"


@pytest.mark.parametrize("durable", [True, False])
def test_starts_again_after_everything_was_killed(data_dir: Path, durable: bool) -> None:
    with using_engines(data_dir, durable=durable) as urls:
        run_sql(urls, "CREATE TABLE kept AS SELECT 1 AS one")
        kill_all(data_dir)
    note = data_dir / "postgres" / "data" / "postmaster.pid"
    lines = note.read_text().splitlines()
    # The number now belongs to another program: this one.
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with using_engines(data_dir) as urls:
        assert run_sql(urls, "SELECT one FROM kept") == "(1,)"


def test_a_start_that_was_killed_half_way_is_done_again(new_dir: Path) -> None:
    half = new_dir / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    with using_engines(new_dir, durable=False) as urls:
        assert run_sql(urls, "SELECT current_database()") == "('maalem',)"


def test_the_next_user_starts_an_engine_that_died(data_dir: Path) -> None:
    with using_engines(data_dir, durable=False) as urls:
        database, _ = pids(data_dir)
        os.kill(pids(data_dir)[1], signal.SIGKILL)
        wait_until(lambda: redis_pid(data_dir) is None)
        with using_engines(data_dir), redis_of(urls) as redis:
            assert redis.ping()
        os.kill(database, signal.SIGKILL)
        wait_until(lambda: postgres_pid(data_dir) is None)
        with using_engines(data_dir, durable=False):
            assert run_sql(urls, "SELECT 1") == "(1,)"


def test_engines_end_even_when_their_folder_was_taken_away(data_dir: Path) -> None:
    with using_engines(data_dir, durable=False) as urls:
        orphans = [psutil.Process(pid) for pid in pids(data_dir)]
        take_away(data_dir)
        with using_engines(data_dir, durable=False):
            assert run_sql(urls, "SELECT 1") == "(1,)"
    assert all(has_ended(orphan) for orphan in orphans)


def test_engines_end_when_half_of_their_folder_was_taken_away(data_dir: Path) -> None:
    with using_engines(data_dir, durable=False):
        orphans = [psutil.Process(pid) for pid in pids(data_dir)]
        # The locks stay.
        take_away(data_dir / "postgres")
        take_away(data_dir / "redis")
    assert all(has_ended(orphan) for orphan in orphans)


def test_who_lost_its_folder_leaves_the_next_one_s_engines_alone(data_dir: Path) -> None:
    with ExitStack() as first:
        first.enter_context(using_engines(data_dir, durable=False))
        take_away(data_dir)
        with using_engines(data_dir, durable=False) as urls:
            first.close()
            assert run_sql(urls, "SELECT 1") == "(1,)"


def test_an_engine_that_is_not_wanted_is_not_started(new_dir: Path) -> None:
    with using_engines(new_dir, postgres=False):
        assert postgres_pid(new_dir) is None
        assert redis_pid(new_dir)


def test_each_engine_can_be_stopped_and_started_in_the_middle(data_dir: Path) -> None:
    with using_engines(data_dir, durable=False) as urls, redis_of(urls) as redis:
        redis.set("kept", "yes")
        stop_redis(data_dir)
        assert redis_pid(data_dir) is None
        stop_postgres(data_dir)
        with pytest.raises(psycopg.OperationalError):
            run_sql(urls, "SELECT 1")
        start_postgres(data_dir, durable=False)
        start_redis(data_dir)
        assert run_sql(urls, "SELECT 1") == "(1,)"
        assert redis.get("kept") == "yes"


def test_a_deep_folder_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b, c'\"$é " * 4) / "instance"
    sockets = Path(str(conninfo_to_dict(engine_urls(deep).database_url)["host"]))
    with using_engines(deep, durable=False) as urls, redis_of(urls) as redis:
        assert not sockets.is_relative_to(deep)
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert run_sql(urls, "SELECT 1") == "(1,)"
        assert redis.ping()
    assert pids(deep) == (None, None)
    assert not sockets.exists()


def test_sockets_of_a_deep_folder_fit_where_tmpdir_is_deep_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS has 103 bytes for the path of a socket, and a long TMPDIR of its own."""
    monkeypatch.setattr("tempfile.tempdir", f"/var/folders/{'x' * 80}")
    deep = tmp_path / ("a" * 100)
    with using_engines(deep, durable=False) as urls, redis_of(urls) as redis:
        assert len(os.fsencode(redis.connection_pool.connection_kwargs["path"])) <= 103
        assert run_sql(urls, "SELECT 1") == "(1,)"
        assert redis.ping()


def test_redis_data_of_a_newer_server_are_put_aside_and_it_starts_empty(new_dir: Path) -> None:
    """The data are a newer Valkey's, and the PATH has an older Redis."""
    data = new_dir / "redis" / "dump.rdb"
    data.parent.mkdir(parents=True)
    data.write_bytes(unreadable := b"REDIS9999\xff" + bytes(8))
    lines: list[str] = []
    with using_engines(new_dir, lines.append, postgres=False) as urls, redis_of(urls) as redis:
        assert redis.dbsize() == 0
        redis.set("kept", "yes")
    aside = data.with_name("dump.rdb.unread")
    assert aside.read_bytes() == unreadable
    assert any("starts empty" in line and str(aside) in line for line in lines)
    with using_engines(new_dir, postgres=False) as urls, redis_of(urls) as redis:
        assert redis.get("kept") == "yes"


def test_engines_say_which_program_they_are_and_where_from(data_dir: Path) -> None:
    with using_engines(data_dir, durable=False):
        origins = describe_engines(data_dir, "", "")
        assert origins["PostgreSQL"].startswith("postgres 18.")
        assert re.match(r"(redis|valkey)-server [\d.]+ (of the|compiled)", origins["Redis"])
    named = describe_engines(data_dir, "postgresql://x", "redis://x")
    assert named == {"PostgreSQL": "as DATABASE_URL says", "Redis": "as REDIS_URL says"}


@pytest.mark.parametrize("name", ["plain", "a b+c&d=é%", "x" * 200, "one,two"])
def test_addresses_can_be_read_by_all_three_drivers(name: str) -> None:
    urls = engine_urls(Path("/", name))
    host = conninfo_to_dict(urls.database_url)["host"]
    assert make_url(urls.database_url).query["host"] == host
    assert len(f"{host}/.s.PGSQL.5432".encode()) <= 100
    with redis_of(urls) as redis:
        path = redis.connection_pool.connection_kwargs["path"]
    assert len(path.encode()) <= 100
    if name in ("plain", "a b+c&d=é%"):
        assert (host, path) == (f"/{name}/postgres", f"/{name}/redis/redis.sock")


def test_files_that_somebody_unseen_uses_are_left_alone(new_dir: Path) -> None:
    path = Path(str(conninfo_to_dict(engine_urls(new_dir).database_url)["host"]), ".s.PGSQL.5432")
    path.parent.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        with pytest.raises(EngineFailed, match="in use by another"), using_engines(new_dir):
            pass
        assert path.is_socket()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EngineFailed, match=r"file/instance: .*; set another DATA_DIR"),
        using_engines(tmp_path / "file" / "instance"),
    ):
        pass
