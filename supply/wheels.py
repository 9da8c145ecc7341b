"""Which pins can be had as wheels on which machine."""

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

# The oldest systems that count: glibc 2.28 (Debian 10, RHEL 8) and macOS 14.
_GLIBC_MINOR = 28
_MACOS = (14, 0)
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))


@dataclass(frozen=True, slots=True)
class Machine:
    """A system and a processor, as packages' markers and tags call them."""

    name: str
    system: str
    sys_platform: str
    machine: str

    def list_platforms(self) -> list[str]:
        if self.system == "Darwin":
            return list(mac_platforms(_MACOS, self.machine))
        names = [f"manylinux_2_{minor}" for minor in range(_GLIBC_MINOR, 4, -1)]
        old = ["manylinux2014", *(["manylinux2010", "manylinux1"] * (self.machine == "x86_64"))]
        return [f"{name}_{self.machine}" for name in (*names, *old)]


MACHINES = (
    Machine("Linux x86-64", "Linux", "linux", "x86_64"),
    Machine("Linux aarch64", "Linux", "linux", "aarch64"),
    Machine("macOS arm64", "Darwin", "darwin", "arm64"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A machine with a Python."""

    machine: Machine
    python: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.machine.name}, Python {self.python[0]}.{self.python[1]}"

    def list_tags(self) -> set[Tag]:
        """Returns the tags of wheels that pip would take there."""
        platforms = self.machine.list_platforms()
        abi = f"cp{self.python[0]}{self.python[1]}"
        exact = cpython_tags(self.python, [abi], platforms)
        return {*exact, *compatible_tags(self.python, abi, platforms)}

    def wants(self, pin: Requirement, extra: str = "") -> bool:
        """True where the requirement's marker holds, for this extra of who requires it."""
        version = f"{self.python[0]}.{self.python[1]}"
        environment = {
            "sys_platform": self.machine.sys_platform,
            "platform_system": self.machine.system,
            "platform_machine": self.machine.machine,
            "python_version": version,
            "python_full_version": f"{version}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "extra": extra,
        }
        return pin.marker is None or pin.marker.evaluate(environment)


TARGETS = tuple(Target(machine, python) for machine in MACHINES for python in PYTHONS)


def missing_wheels(pin: Requirement, files: list[str], targets: tuple[Target, ...]) -> list[Target]:
    """Returns the targets where the pin is wanted and none of the files is a wheel that fits."""
    tags = {tag for file in files for tag in _tags_of(pin, file)}
    return [target for target in targets if target.wants(pin) and not tags & target.list_tags()]


def fitting_wheels(
    pin: Requirement, files: list[str], targets: tuple[Target, ...]
) -> Iterator[str]:
    """Yields the files that are wheels of the pin for one of the targets where it is wanted."""
    wanted = {tag for target in targets if target.wants(pin) for tag in target.list_tags()}
    yield from (file for file in files if wanted.intersection(_tags_of(pin, file)))


def _tags_of(pin: Requirement, file: str) -> Iterator[Tag]:
    try:
        _, version, _, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:  # a source package, or a name from before the rules
        return
    if version in pin.specifier:
        yield from tags
