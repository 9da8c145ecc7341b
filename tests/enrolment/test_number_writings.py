"""One writing of a person's numbers at every door, and birth dates of which the year is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.base.errors import InvalidInput
from app.base.identifiers import read_cnss_number, read_rna_number, read_typed_rna_number
from app.enrolment.models import artisan
from app.runtime import Runtime
from app.ussd.engine import plain_input
from tests.enrolment.registry_lines import load_lines, numbered
from tests.phone import TestPhone

UNKNOWN = "+212600000099"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("960001", "960001"),
        ("  ab/12-3 ", "AB/12-3"),
        ("٩٦٠٠٠١", "960001"),
        ("۹۶۰۰۰۱", "960001"),
        ("९६०००१", "960001"),
        ("９６ａＢ", "96AB"),
        ("\ufeff96\u200d0001\u200b", "960001"),
        ("\u00a0960001\u202f", "960001"),
        ("960\u202f001", "960001"),
        ("'960001", "960001"),
        ("\u2019960001", "960001"),
        ('="960001"', "960001"),
        ("RNA\u20442023\u201100017", "RNA/2023-00017"),
    ],
)
def test_number_has_one_writing_however_it_comes(written: str, kept: str) -> None:
    assert read_rna_number(written) == kept
    assert read_typed_rna_number(written) == kept
    assert read_typed_rna_number(plain_input(written)) == kept


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "missing"),
        ("\u200b", "invisible marks alone"),
        ("9.2E+08", "rounded by a spreadsheet"),
        ("9,2e8", "rounded by a spreadsheet"),
        ("9E+08", "rounded by a spreadsheet"),
        ("920E6", "rounded by a spreadsheet"),
        ("960001.0", "a decimal number"),
        ("960001,00", "a decimal number"),
        ("960.001", "has a mark between thousands"),
        ("#N/A", "an error of the spreadsheet"),
        ("#VALEUR!", "an error of the spreadsheet"),
        ("########", "#### of a column too narrow"),
        ("NULL", "a word that stands for nothing"),
        ("n/a", "a word that stands for nothing"),
        ("Néant", "a word or sign that stands for nothing"),
        ("TOTAL", "a word or sign that stands for nothing"),
        ("Total général", "a line of totals"),
        ("SOUS-TOTAL 12", "a line of totals"),
        ("''960001", "begins with apostrophes"),
        ("=960001", "begins with '='"),
        ("960001\u00a0960002", "two numbers in one cell"),
        ("+960001", "'+' U+002B at character 1"),
        ("-960001", "begins or ends with '/' or '-'"),
        ("960001 960002", "two numbers in one cell"),
        ("960001;960002", "two numbers in one cell"),
        ("960001, 960002", "two numbers in one cell"),
        ("960001 / 960002", "two numbers in one cell"),
        ("960001/960002", "two numbers in one cell"),
        ("960001|960002", "two numbers in one cell"),
        ("1985-03-08", "a day"),
        ("08/03/1985", "a day"),
        ("12-mai", "a day"),
        ("0000", "no number of a person"),
        ("ABC", "no number of a person"),
        ("96000١\u0301", "U+0301 at character 7"),
        ("А60001", "U+0410 at character 1"),
        ("9600ß1", "U+00DF at character 5"),
        ("96_0001", "U+005F at character 3"),
        ("1" * 33, "longer than 32 characters"),
    ],
)
def test_damaged_number_is_refused_with_its_reason(written: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_rna_number(written)
    assert reason in refused.value.params["why"]


def test_person_may_type_blanks_between_the_groups_of_a_number() -> None:
    assert read_typed_rna_number("96 00\u00a001") == "960001"


@pytest.mark.parametrize("written", ["1.23E+08", "123456789.0", "#N/A", "NULL", "''12345678", "12"])
def test_damaged_cnss_number_is_refused(written: str) -> None:
    assert read_cnss_number("\u200b١٢٣٤٥٦٧٨٩") == "123456789"
    with pytest.raises(InvalidInput):
        read_cnss_number(written)


def test_register_keeps_a_year_alone_as_such(runtime: Runtime, tmp_path: Path) -> None:
    load_lines(
        runtime.database, tmp_path / "rna.csv", numbered(1, birth_date="00/00/1962"), numbered(2)
    )
    with runtime.database.connect() as connection:
        births = select(artisan.c.birth_date, artisan.c.birth_year).order_by(artisan.c.id)
        year_alone, whole = connection.execute(births).all()
    assert tuple(year_alone) == (None, 1962)
    assert whole.birth_year is None


@pytest.mark.parametrize("typed", ["1962", "00001962", "01011962", "17041962", "٠٠٠٠١٩٦٢"])
def test_person_of_whom_the_year_is_known_identifies_with_it(
    runtime: Runtime, phone: TestPhone, tmp_path: Path, typed: str
) -> None:
    load_lines(runtime.database, tmp_path / "rna.csv", numbered(1, birth_date="1962"))
    assert "1 Mon AMO" in phone.dial(UNKNOWN, f"1*81*{typed}")


@pytest.mark.parametrize("typed", ["1985", "00001985", "1963"])
def test_year_alone_identifies_nobody_whose_day_is_known(
    runtime: Runtime, phone: TestPhone, tmp_path: Path, typed: str
) -> None:
    load_lines(runtime.database, tmp_path / "rna.csv", numbered(1))
    assert "1 Mon AMO" not in phone.dial(UNKNOWN, f"1*81*{typed}")


@pytest.mark.parametrize(
    "typed", ["rna/2023-00017", "RNA\u20442023-00017", "202300017", "٢٠٢٣٠٠٠١٧"]
)
def test_number_with_letters_is_reached_from_any_keypad(
    runtime: Runtime, phone: TestPhone, tmp_path: Path, typed: str
) -> None:
    row = numbered(1, rna_number="Rna/2023-00017")
    load_lines(runtime.database, tmp_path / "rna.csv", row)
    assert "1 Mon AMO" in phone.dial(UNKNOWN, f"1*{typed}*08031985")


def test_digits_that_two_people_share_reach_neither(
    runtime: Runtime, phone: TestPhone, tmp_path: Path
) -> None:
    rows = [numbered(n, rna_number=f"{'AB'[n]}/2023-00017") for n in range(2)]
    load_lines(runtime.database, tmp_path / "rna.csv", *rows)
    assert "1 Mon AMO" not in phone.dial(UNKNOWN, "1*202300017*08031985")
