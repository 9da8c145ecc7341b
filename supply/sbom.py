"""Writes the bill of materials of what is installed to run Maalem: CycloneDX, as JSON.

    python -m supply.sbom [FILE]      standard output without FILE

It names each package of requirements.txt as it is installed here, its licence, what it needs, and
the hash of its wheel where there is only one. The same installation gives the same bytes.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import Distribution
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply.pins import PRODUCT, ROOT, Pin, read_pins


class NotAsPinned(Exception):
    """What is installed is not what the requirements file names."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where packages are installed: this Python, unless folders of another are given.

    `python` has what markers ask of that other one: python_version and python_full_version.
    """

    folders: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    python: dict[str, str] = field(default_factory=dict)

    def wants(self, requirement: Requirement, extra: str = "") -> bool:
        marker = requirement.marker
        return not marker or marker.evaluate({**self.python, "extra": extra})

    def find(self, name: str) -> Distribution | None:
        return next(iter(Distribution.discover(name=name, path=list(self.folders))), None)


def make_bom(pins: list[Pin], place: Place | None = None) -> Bom:
    """Returns the bill of the pins that are wanted at the place, here by default.

    Raises: NotAsPinned.
    """
    place = place or Place()
    bom, project = Bom(), tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    bom.serial_number = None  # type: ignore[assignment]
    root = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
    )
    bom.metadata.component = root
    here = {
        canonicalize_name(pin.requirement.name): pin for pin in pins if place.wants(pin.requirement)
    }
    components = {name: _make_component(pin, place) for name, pin in here.items()}
    for name, component in components.items():
        bom.components.add(component)
        needed = (
            components[other] for other in _list_needs(here[name], place) if other in components
        )
        bom.register_dependency(component, needed)
    bom.register_dependency(root, components.values())
    return bom


def write_bom(bom: Bom) -> str:
    """Writes the bill without the moment, so that the same is the same bytes."""
    bom.metadata.timestamp = None  # type: ignore[assignment]
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _make_component(pin: Pin, place: Place) -> Component:
    installed, name = _find_installed(pin, place), canonicalize_name(pin.requirement.name)
    url = PackageURL("pypi", name=name, version=pin.version)
    component = Component(
        name=name, version=pin.version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url)
    )
    if licence := _find_licence(installed):
        component.licenses.add(DisjunctiveLicense(name=licence))
    # Of several wheels the installation does not tell which it was.
    if len(pin.hashes) == 1:
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=pin.hashes[0]))
    return component


def _find_installed(pin: Pin, place: Place) -> Distribution:
    name = pin.requirement.name
    installed = place.find(name)
    if installed is None:
        raise NotAsPinned(f"{name} is not installed: make run installs it")
    if installed.version != pin.version:
        raise NotAsPinned(f"{name} {installed.version} is installed, {pin.version} is pinned")
    return installed


def _find_licence(installed: Distribution) -> str:
    """Returns the licence as the package names it, in the newest of the three ways."""
    told = installed.metadata
    if named := told.get("License-Expression"):
        return str(named)
    classes = [line for line in told.get_all("Classifier") or () if line.startswith("License :: ")]
    if classes:
        return ", ".join(line.rsplit(" :: ", 1)[-1] for line in classes)
    return str(told.get("License") or "").strip().partition("\n")[0]


def _list_needs(pin: Pin, place: Place) -> list[str]:
    """Returns the names of the packages that the installed one needs there."""
    needs = []
    for line in _find_installed(pin, place).requires or ():
        need = Requirement(line)
        extras = pin.requirement.extras or {""}
        if any(place.wants(need, extra) for extra in extras):
            needs.append(canonicalize_name(need.name))
    return needs


def main() -> None:
    try:
        bom = make_bom(read_pins(PRODUCT))
    except NotAsPinned as wrong:
        sys.exit(str(wrong))
    text = write_bom(bom)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, "utf-8")
        print(f"{sys.argv[1]}: the bill of materials of {len(bom.components)} packages")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
