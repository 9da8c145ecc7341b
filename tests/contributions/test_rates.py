"""The rates file: values in force by month, and the name of every fault."""

import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.base.months import Month
from app.contributions import rules
from app.contributions.errors import RatesWrong
from app.contributions.rates import RATES, load

from .rates_files import SHIPPED, read_shipped_rates, write


def test_dated_value_is_in_force_from_its_month_on() -> None:
    assert RATES.smig.at(Month(2022, 8)) == Decimal("14.81")
    assert RATES.smig.at(Month(2022, 9)) == Decimal("15.55")
    assert RATES.smig.at(Month(1950, 1)) == Decimal("14.81")
    assert RATES.smig.at(Month(2099, 1)) == Decimal("17.92")


def test_coefficient_scale_changes_in_december_2022() -> None:
    assert [step.coefficient for step in RATES.coefficient_scale.at(Month(2022, 11))] == [
        Decimal(1),
        Decimal("3.2"),
        Decimal(6),
    ]
    assert [step.coefficient for step in RATES.coefficient_scale.at(Month(2022, 12))] == [
        Decimal(step) for step in range(1, 7)
    ]


def test_every_entry_has_a_source_and_a_confidence() -> None:
    content = read_shipped_rates()
    entries = [*content.pop("categories").values(), *(e for rule in content.values() for e in rule)]
    assert len(entries) > 25
    assert all(entry["source"] and entry["sure"] in ("H", "M", "L", "ASM") for entry in entries)


def test_rates_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RATES.smig = RATES.smig  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        RATES.smig.root[0].value = Decimal(1)  # type: ignore[misc]
    with pytest.raises(ValidationError):
        RATES.smig.root = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        RATES.categories["A"] = RATES.categories["B"]  # type: ignore[index]


def test_penalty_uses_the_rate_of_the_month_it_accrues_in(tmp_path: Path) -> None:
    dated = {"from": "2026-03", "value": "2", "sure": "ASM", "source": "a test"}
    rates = load(write(tmp_path, lambda content: content["penalty_percent"].append(dated)))
    for day, penalty in (("2026-02-28", "1.64"), ("2026-03-01", "4.91"), ("2026-04-01", "8.18")):
        quote = rules.quote(Decimal("0.75"), [Month(2026, 1)], date.fromisoformat(day), rates)
        assert str(quote.penalty) == penalty


def test_overdue_month_of_a_31st_starts_on_the_1st_after_a_short_month(
    tmp_path: Path,
) -> None:
    # Due on 30 January, late months start on 31 January (1%), 1 March and 31 March (2% each).
    def change(content: Any) -> None:
        content["due"][0]["value"]["day"] = "30"
        dated = {"from": "2026-03", "value": "2", "sure": "ASM", "source": "a test"}
        content["penalty_percent"].append(dated)

    rates = load(write(tmp_path, change))
    for day, penalty in (("2026-02-28", "1.64"), ("2026-03-01", "4.91"), ("2026-03-31", "8.18")):
        quote = rules.quote(Decimal("0.75"), [Month(2026, 1)], date.fromisoformat(day), rates)
        assert str(quote.penalty) == penalty


def smig(place: int, **changed: object) -> Callable[[Any], object]:
    return lambda content: content["smig"][place].update(changed)


def drop(*path: Any) -> Callable[[Any], object]:
    def change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        del content[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (smig(2, value="abc"), ["smig entry 3, value", "abc"]),
        (smig(2, value="-16.29"), ["smig entry 3, value", "greater than 0", "-16.29"]),
        (smig(2, value="NaN"), ["smig entry 3, value", "NaN"]),
        (smig(2, value=""), ["smig entry 3, value"]),
        (smig(1, **{"from": "2022-13"}), ["smig entry 2, from", "YYYY-MM", "2022-13"]),
        (smig(1, **{"from": "2024-01"}), ["smig: from 2023-09 does not come after 2024-01"]),
        (smig(1, **{"from": "2023-09"}), ["smig: from 2023-09 does not come after 2023-09"]),
        (smig(1, **{"from": "start"}), ["smig: from start does not come after"]),
        (smig(0, **{"from": "2020-01"}), ["smig: the first entry must be `from: start`"]),
        (smig(4, sure="very"), ["smig entry 5, sure", "ASM", "very"]),
        (smig(4, source=""), ["smig entry 5, source"]),
        (smig(4, vaule="1"), ["smig entry 5, vaule"]),
        (drop("smig", 3, "source"), ["smig entry 4, source", "required"]),
        (drop("smig", 3, "value"), ["smig entry 4, value", "required"]),
        (drop("smig"), ["smig", "required"]),
        (lambda content: content["smig"].clear(), ["smig: the first entry must be"]),
        (lambda content: content.update(smig="17.92"), ["smig", "17.92"]),
        (lambda content: content.update(simg=[]), ["simg"]),
        (lambda content: content["due"][0]["value"].update(day="32"), ["due entry 1, value", "32"]),
        (lambda content: content["rounding"][0].update(value="near"), ["rounding entry 1", "near"]),
        (lambda content: content["wait_months"][0].update(value="3.5"), ["wait_months entry 1"]),
        (drop("categories", "D"), ["categories: missing: D"]),
        (lambda content: content["categories"].update(E={}), ["categories, E"]),
        (drop("quarterly_duty", 0, "value", 7), ["quarterly_duty entry 1, value: bounds"]),
        (
            lambda content: content["quarterly_duty"][0]["value"].reverse(),
            ["quarterly_duty entry 1, value: bounds"],
        ),
    ],
)
def test_load_names_a_wrong_entry(
    tmp_path: Path, change: Callable[[Any], object], words: list[str]
) -> None:
    with pytest.raises(RatesWrong) as refused:
        load(write(tmp_path, change))
    for word in ("rates.yaml", *words):
        assert word in str(refused.value)


def test_load_names_every_wrong_entry_at_once(tmp_path: Path) -> None:
    def change(content: Any) -> None:
        smig(1, value="x")(content)
        drop("due")(content)

    with pytest.raises(RatesWrong, match=r"smig entry 2.*due"):
        load(write(tmp_path, change))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file"),
        (b"- 1\n", "the file"),
        (b"smig: [", "line 2"),
        (b"smig: \xff\n", "decode"),
        (b"smig: *nobody\n", "undefined alias"),
        (b"smig: !!python/object:os.system {}\n", "smig"),
        (SHIPPED.read_bytes() + b"\nsmig: []\n", "smig: given twice"),
    ],
)
def test_load_refuses_a_file_that_is_no_rates_file(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "rates.yaml"
    path.write_bytes(content)
    with pytest.raises(RatesWrong) as refused:
        load(path)
    assert words in str(refused.value)


def test_load_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RatesWrong, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")
