"""The shipped towns: complete, short enough for a phone, found however they are typed."""

from __future__ import annotations

from collections import Counter
from datetime import time
from pathlib import Path

import pytest

from app.agents.agency_file import SAMPLE_AGENCIES, read_agencies
from app.agents.rules import Hours, read_hours, shown_name
from app.agents.towns import (
    find_town,
    find_town_of_province,
    towns,
    towns_beginning,
)
from app.base.errors import InvalidInput
from app.base.marks import letters_of
from app.enrolment.sample_rows import _PROVINCES
from app.settings import ROOT
from app.text.encoding import GSM7, encoding_of
from app.text.languages import LANGUAGES
from app.text.regions import regions
from app.ussd.checker.samples import Samples

# Letters beyond these blocks would show as squares beside their neighbours.
ARABIC, TIFINAGH = range(0x0621, 0x0653), range(0x2D30, 0x2D80)


def test_every_region_of_morocco_has_towns() -> None:
    assert len(regions()) == 12
    assert {town.region for town in towns().values()} == set(regions())
    assert len(towns()) >= 45


@pytest.mark.parametrize("named", [*regions().values(), *towns().values()], ids=lambda n: n.code)
def test_names_are_written_for_phones(named: object) -> None:
    latin, arabic, tifinagh = (getattr(named, n) for n in ("latin", "arabic", "tifinagh"))
    assert encoding_of(latin) == GSM7
    assert all(ord(letter) in ARABIC for letter in arabic if letter != " ")
    assert all(ord(letter) in TIFINAGH for letter in tifinagh if letter not in " -")
    by_script = {"latin": latin, "arabic": arabic, "tifinagh": tifinagh}
    for code, entry in LANGUAGES.items():
        assert named.name_in(code) == by_script[entry.script]  # type: ignore[attr-defined]


def test_no_name_is_longer_than_the_menus_were_checked_with() -> None:
    raw = Samples.load(ROOT / "menus" / "samples.yaml")
    for kind, all_named in (("region", regions()), ("town", towns())):
        most = len(raw._values[kind][0])
        for one in all_named.values():
            assert max(map(len, (one.latin, one.arabic, one.tifinagh))) <= most, one.code


def test_no_two_towns_share_a_name() -> None:
    names = Counter(
        name for town in towns().values() for name in {letters_of(name) for name in town.names}
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_every_province_of_the_register_has_a_town_to_look_in() -> None:
    for provinces in _PROVINCES.values():
        for province in provinces.split(","):
            assert find_town_of_province(province), province
    assert find_town_of_province("Atlantis") is None


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("rabat", "rabat"),
        ("RABAT", "rabat"),
        ("الرباط", "rabat"),
        ("ⵔⵔⴱⴰⵟ", "rabat"),
        ("Salé", "sale"),
        ("sale", "sale"),
        ("Fes", "fes"),
        ("Fez", "fes"),
        ("al hoceima", "al-hoceima"),
        ("Al Hoceïma", "al-hoceima"),
        ("Ben Slimane", "benslimane"),
        ("اسفي", "safi"),
    ],
)
def test_find_town_reads_every_spelling(typed: str, code: str) -> None:
    found = find_town(typed)
    assert found and found.code == code


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("kén", {"kenitra"}),
        ("jad", {"el-jadida"}),
        ("دار", {"casablanca"}),
        ("الدا", {"casablanca", "dakhla"}),
        ("casa", {"casablanca"}),
        ("mellal", {"beni-mellal"}),
        ("ⴰⴳⴰ", {"agadir"}),
        ("تيز", {"tiznit"}),
        ("zz", set()),
    ],
)
def test_towns_beginning_finds_first_letters_in_any_script(typed: str, codes: set[str]) -> None:
    assert {town.code for town in towns_beginning(letters_of(typed))} == codes


def test_read_hours_reads_what_hours_show() -> None:
    assert read_hours(" ") is None
    assert read_hours("08:30-18:00") == Hours(time(8, 30), time(18, 0))
    assert read_hours("8h30-18h") == Hours(time(8, 30), time(18, 0))
    assert str(Hours(time(8, 5), time(18, 0))) == "8:05-18:00"
    for wrong in ("8h30-18h60", "18:00-8:30", "9:00-9:00", "8:30-24:00", "8:30-18:60", "8:30"):
        with pytest.raises(InvalidInput):
            read_hours(wrong)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Wafacash Rabat Agdal", "Agdal"),
        ("Wafacash Rabat", "Rabat"),
        ("Wafacash", "Wafacash"),
        ("Agence du Palais de Justice", "Agence du Palais de"),
    ],
)
def test_shown_name_keeps_the_words_that_tell_agencies_apart(name: str, shown: str) -> None:
    assert shown_name(name, "Wafacash", "Rabat", "الرباط") == shown


def test_the_sample_agencies_can_be_told_apart_on_a_phone(tmp_path: Path) -> None:
    shown = Counter(
        (row.town.code, shown_name(row.name, "Wafacash", *row.town.names))
        for row in read_agencies(SAMPLE_AGENCIES)
    )
    assert max(shown.values()) == 1
