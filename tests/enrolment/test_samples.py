"""The sample people and the made-up register: accepted by the import, and as announced."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from app.base.months import Month
from app.contributions import rights
from app.enrolment.registry_rows import FIELDS, parse_row
from app.enrolment.sample_rows import sample_rows
from app.enrolment.samples import SAMPLE_IDENTITIES, SAMPLE_PEOPLE, sample_people_csv
from app.files.lines import split_line
from app.text.languages import LANGUAGES
from tests.enrolment.registry_lines import KEYS, TODAY, load, rejections, stored

NUMBERS = ("rna_number", "cnss_number", "cin", "phone")


def people(today: date) -> dict[str, dict[str, str]]:
    return {row["phone"]: row for row in csv.DictReader(sample_people_csv(today).splitlines())}


def made_up(rows: int, seed: int = 0) -> list[dict[str, str]]:
    return list(csv.DictReader(sample_rows(rows, seed)))


@pytest.mark.parametrize(
    ("phone", "name", "language", "category", "rights_until"),
    [
        ("+212600000001", "Fatima", "fr", "A", "2027-01-31"),
        ("+212600000002", "Hassan", "fr", "A", "2026-10-31"),
        ("+212600000003", "Khadija", "fr", "A", "2027-02-28"),
        ("+212600000004", "Brahim", "fr", "A", ""),
        ("+212600000005", "Aicha", "ar", "A", "2026-05-31"),
        ("+212600000006", "Said", "fr", "B", "2027-02-28"),
        ("+212600000007", "Driss", "ary-Latn", "A", "2027-01-31"),
        ("+212600000008", "Tlaytmas", "zgh", "A", "2027-01-31"),
    ],
)
def test_sample_people_are_those_of_the_contract(
    phone: str, name: str, language: str, category: str, rights_until: str
) -> None:
    row = people(TODAY)[phone]
    assert row["full_name"].split()[0] == name
    assert (row["language"], row["category"], row["rights_until"]) == (
        language,
        category,
        rights_until,
    )
    assert bool(row["enrolled_on"]) == bool(rights_until)


@given(st.dates(date(2020, 1, 1), date(2090, 12, 31)))
def test_sample_people_owe_what_is_announced_on_every_day(today: date) -> None:
    unpaid = {
        phone: Month.of(today) - rights.paid_through(date.fromisoformat(row["rights_until"]))
        for phone, row in people(today).items()
        if row["rights_until"]
    }
    assert [unpaid.get(f"+21260000000{last}") for last in range(1, 9)] == [
        1,
        4,
        0,
        None,
        9,
        0,
        1,
        1,
    ]


@given(st.dates(date(2020, 1, 1), date(2090, 12, 31)))
def test_sample_people_can_be_imported_on_every_day(today: date) -> None:
    for line in sample_people_csv(today).splitlines()[1:]:
        parse_row(split_line(line.encode()), KEYS, today)


def test_sample_people_are_imported_and_announced(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(sample_people_csv(TODAY), encoding="utf-8")
    assert load(engine, file).created == 8
    assert rejections(file) == []
    announced = [phone for phone, _, _ in SAMPLE_PEOPLE]
    assert announced[:8] == [phone for (phone,) in stored(engine, "phone")]
    assert announced[8:] == ["+212600000091", "+212600000099"]


def test_sample_identity_of_brahim_can_be_typed_on_a_keypad() -> None:
    rna_number, born = SAMPLE_IDENTITIES["+212600000004"]
    row = people(TODAY)["+212600000004"]
    assert (rna_number, born.isoformat()) == (row["rna_number"], row["birth_date"])
    assert rna_number.isdecimal()
    said = {phone: state for phone, _, state in SAMPLE_PEOPLE}["+212600000099"]
    assert rna_number in said
    assert f"{born:%d/%m/%Y}" in said


def test_sample_rows_are_all_accepted(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "sample.csv"
    file.write_text("\n".join(sample_rows(5000, seed=7)), encoding="utf-8")
    report = load(engine, file)
    assert rejections(file) == []
    assert (report.read, report.created, report.rejected) == (5000, 5000, 0)


def test_sample_rows_never_repeat_a_number_nor_use_a_sample_person_s() -> None:
    rows = made_up(20_000) + list(people(TODAY).values())
    for name in NUMBERS:
        known = Counter(row[name] for row in rows if row[name])
        assert known.most_common(1)[0][1] == 1


def test_sample_rows_depend_on_the_seed_alone() -> None:
    assert list(sample_rows(200, 5)) == list(sample_rows(200, 5))
    assert list(sample_rows(200, 5)) == list(sample_rows(300, 5))[:201]
    assert list(sample_rows(200, 5)) != list(sample_rows(200, 6))


def test_sample_rows_are_mixed_like_the_real_register() -> None:
    rows = made_up(5000)
    assert tuple(rows[0]) == FIELDS
    shares = {name: Counter(row[name] for row in rows) for name in FIELDS}
    assert shares["category"]["A"] > 4000
    assert set(shares["category"]) == set("ABCD")
    assert set(shares["language"]) == set(LANGUAGES)
    assert len(shares["region"]) == 12
    assert 700 < shares["enrolled_on"][""] < 1300


def test_sample_rows_refuse_more_rows_than_there_are_numbers() -> None:
    with pytest.raises(ValueError, match="rows"):
        next(sample_rows(10_000_001))
