"""The bill of materials names what is installed, as it is pinned."""

from __future__ import annotations

import json

import pytest
from packaging.requirements import Requirement

from supply.pins import PRODUCT, Pin, read_pins
from supply.sbom import NotAsPinned, make_bom, write_bom


def test_bill_names_every_package_that_runs_here() -> None:
    pins = read_pins(PRODUCT)
    text = write_bom(make_bom(pins))
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "maalem"
    here = {
        f"{pin.requirement.name}=={pin.version}".lower().replace("_", "-")
        for pin in pins
        if not pin.requirement.marker or pin.requirement.marker.evaluate()
    }
    assert {f"{each['name']}=={each['version']}" for each in bill["components"]} == here
    flask = next(each for each in bill["components"] if each["name"] == "flask")
    assert flask["purl"].startswith("pkg:pypi/flask@") and flask["licenses"]
    assert len(flask["hashes"][0]["content"]) == 64
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert any(need.startswith("pkg:pypi/werkzeug@") for need in needs[flask["bom-ref"]])
    assert write_bom(make_bom(pins)) == text


@pytest.mark.parametrize("pin", ["Flask==0.1", "no-such-package==1"])
def test_bill_of_something_else_than_is_pinned_is_refused(pin: str) -> None:
    with pytest.raises(NotAsPinned, match=pin.partition("=")[0]):
        make_bom([Pin(Requirement(pin), ())])
