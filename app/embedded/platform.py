"""The machine that engines are chosen for, as a value that tests can replace."""

import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SYSTEMS = {"Darwin": "macOS"}


@dataclass(frozen=True, slots=True)
class Platform:
    """A system, what is installed on it, and the pip that can fetch what is not.

    `system` is Linux or Darwin, `machine` x86_64, aarch64 or arm64. `packages` are the folders that
    wheels are installed in, `cellar` is where programs out of other wheels are unpacked. `pip` runs
    pip with the given arguments and returns True if that worked.
    """

    system: str
    machine: str
    python: tuple[int, int]
    path: str
    packages: tuple[Path, ...]
    cellar: Path
    pip: Callable[[Sequence[str]], bool]

    def __str__(self) -> str:
        name = _SYSTEMS.get(self.system, self.system)
        return f"{name} {self.machine}, Python {self.python[0]}.{self.python[1]}"

    def find_program(self, name: str) -> Path | None:
        """Returns the program of that name on the PATH."""
        program = shutil.which(name, path=self.path)
        return Path(program) if program else None

    def find_packaged(self, *inside: str) -> Path | None:
        """Returns a file of an installed wheel, without running the wheel's own code."""
        files = (folder.joinpath(*inside) for folder in self.packages)
        return next((file for file in files if file.is_file()), None)

    def has_compiler(self) -> bool:
        compilers = any(self.find_program(name) for name in ("cc", "gcc", "clang"))
        return compilers and self.find_program("make") is not None


def this_platform(path: str) -> Platform:
    """Returns the machine we run on, with `path` as its PATH."""
    return Platform(
        system=platform.system(),
        machine=platform.machine(),
        python=sys.version_info[:2],
        path=path,
        packages=tuple(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")),
        cellar=Path(sys.prefix) / "engines",
        pip=_run_pip,
    )


def _run_pip(arguments: Sequence[str]) -> bool:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=15")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, *quiet], capture_output=True, check=False
    )
    return done.returncode == 0
