"""Lines of the ministry's file: accepted fields, their normal form, and faults."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enrolment.registry_rows import FIELDS, parse_row
from app.enrolment.rules import cin_digest
from app.files.lines import MAX_LINE_BYTES, BadRow, split_line
from app.text.languages import LANGUAGES
from tests.enrolment.registry_lines import KEYS, TODAY, line

LANGUAGE_CODES = ", ".join(LANGUAGES)


def parse(text: str) -> dict[str, object]:
    values = parse_row(split_line(text.encode()), KEYS, TODAY)
    return dict(zip(FIELDS, values, strict=True))


def test_parse_row_normalises_a_good_row() -> None:
    assert parse(line()) == {
        "rna_number": "700001",
        "cnss_number": "123456789",
        "cin": cin_digest("AB123456", KEYS),
        "full_name": "Zineb Alaoui",
        "full_name_ar": "زينب العلوي",
        "birth_date": "1985-03-08",
        "phone": "+212612345678",
        "language": "fr",
        "category": "A",
        "coefficient": None,
        "annual_tax": None,
        "trade": "Tapis",
        "region": "Fès-Meknès",
        "province": "Sefrou",
        "enrolled_on": "2023-05-02",
        "rights_until": "2027-01-31",
    }


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        ("rna_number", "A" * 31 + "1", "A" * 31 + "1"),
        ("rna_number", "RNA/2023-00017", "RNA/2023-00017"),
        ("rna_number", "rna/2023\u201300017", "RNA/2023-00017"),
        ("rna_number", "\ufeff70\u200b01\u00a0", "7001"),
        ("rna_number", "٧٠٠٠٠١", "700001"),
        ("rna_number", "۷۰۰۰۰۱", "700001"),
        ("rna_number", "７００ａ", "700A"),
        ("region", "Fes-Meknes", "Fès-Meknès"),
        ("region", "fès meknès", "Fès-Meknès"),
        ("region", "FÈS – MEKNÈS", "Fès-Meknès"),
        ("region", "Région de Fès-Meknès", "Fès-Meknès"),
        ("region", "جهة فاس - مكناس", "Fès-Meknès"),
        ("region", "فاس و مكناس", "Fès-Meknès"),
        ("region", "Oriental", "L'Oriental"),
        ("region", "Tanger-Tétouan-Al Hoceïma", "Tanger-Tétouan-Al Hoceima"),
        ("region", "Laâyoune-Sakia El Hamra", "Laayoune-Sakia El Hamra"),
        ("region", "Drâa-Tafilalet", "Draa-Tafilalet"),
        ("region", "Atlantis", "Atlantis"),
        ("region", "N/A", None),
        ("cnss_number", "", None),
        ("cnss_number", "\u200b", None),
        ("cnss_number", "١٢٣٤٥٦٧٨٩", "123456789"),
        ("cin", "", None),
        ("cin", "ab 12-34.56", cin_digest("AB123456", KEYS)),
        ("full_name", "  Zineb \u00a0 El  Alaoui ", "Zineb El Alaoui"),
        ("full_name", "Ze\u0301ineb", "Zéineb"),
        ("full_name", "x" * 80, "x" * 80),
        ("full_name", "Alaoui, Zineb", "Alaoui, Zineb"),
        ("full_name", 'Zineb "Zizi" Alaoui', 'Zineb "Zizi" Alaoui'),
        ("full_name_ar", "\u200fزينب\u200e", "زينب"),
        ("full_name_ar", "", None),
        ("birth_date", "1900-01-01", "1900-01-01"),
        ("birth_date", "2000-02-29", "2000-02-29"),
        ("birth_date", "١٩٨٥-٠٣-٠٨", "1985-03-08"),
        *(
            ("birth_date", year, "1962")
            for year in (
                "1962",
                "1962-00-00",
                "1962/00/00",
                "1962-00",
                "1962-05-00",
                "00/00/1962",
                "0/0/1962",
                "00-00-1962",
                "00.05.1962",
                "xx/xx/1962",
                "--/--/1962",
                "00001962",
                "19620000",
                "١٩٦٢",
            )
        ),
        ("phone", "", None),
        ("phone", "0612345678", "+212612345678"),
        ("phone", "07 12-34.56 78", "+212712345678"),
        ("phone", "٠٦١٢٣٤٥٦٧٨", "+212612345678"),
        ("phone", "06\u00a012\u00a034\u00a056\u00a078", "+212612345678"),
        ("phone", "612345678", "+212612345678"),
        ("phone", "00212612345678", "+212612345678"),
        ("phone", "212612345678", "+212612345678"),
        ("phone", "+212 (6) 12 34 56 78", "+212612345678"),
        ("phone", "0522123456", "+212522123456"),
        ("phone", "+33612345678", "+33612345678"),
        ("language", "ary-Latn", "ary-Latn"),
        ("language", " FR\u200f", "fr"),
        ("language", "ARY-LATN", "ary-Latn"),
        ("category", "\u200ba", "A"),
        ("rna_number", "'700001", "700001"),
        ("rna_number", '="700001"', "700001"),
        ("rna_number", "700\u202f001", "700001"),
        ("cnss_number", "123 456\u00a0789", "123456789"),
        ("cnss_number", "'123456789", "123456789"),
        ("cin", "\u202aab\u00a0123456\u202c", cin_digest("AB123456", KEYS)),
        ("full_name", "Ze\u00adin\u200beb\u2007Ala\u2060oui", "Zeineb Alaoui"),
        ("full_name", "Zineb\nAlaoui", "Zineb Alaoui"),
        (
            "full_name_ar",
            "\ufe95\ufee8\ufef4\ufe92 \ufef7",
            "\u062a\u0646\u064a\u0628 \u0644\u0623",
        ),
        ("full_name_ar", "\u0645\u062d\u0640\u0640\u0640\u0645\u062f", "محمد"),
        *(
            (field, nothing, None)
            for field in ("cnss_number", "cin", "full_name_ar", "phone", "annual_tax", "trade")
            for nothing in ("N/A", "-", "n\u00e9ant", "NULL", "#N/A", "\u2014", "\u200bn/a", ".")
        ),
        ("rights_until", "N/A", None),
        ("birth_date", "08/03/1985", "1985-03-08"),
        ("birth_date", "8/3/1985 0:00", "1985-03-08"),
        ("birth_date", "1985-03-08 00:00:00", "1985-03-08"),
        ("birth_date", "1985-03-08T00:00:00Z", "1985-03-08"),
        ("birth_date", "\u0660\u0668/\u0660\u0663/\u0661\u0669\u0668\u0665", "1985-03-08"),
        ("phone", "(0612) 34-56-78", "+212612345678"),
        ("phone", "[06] 12 34 56 78", "+212612345678"),
        ("phone", "'0612345678", "+212612345678"),
        ("phone", '="0612345678"', "+212612345678"),
        ("phone", "+212 (0)6 12 34 56 78", "+212612345678"),
        ("phone", "00 212 6.12.34.56.78", "+212612345678"),
        ("phone", "\u202d+212\u202f612-345-678\u202c", "+212612345678"),
        ("phone", "\u2066\uff0b\u0662\u0661\u0662 \u0666\u0661\u0662345678\u2069", "+212612345678"),
        ("annual_tax", "1 234,50", "123450"),
        ("annual_tax", "1\u202f234,5", "123450"),
        ("annual_tax", "1.234,50", "123450"),
        ("annual_tax", "1,234.50", "123450"),
        ("annual_tax", "\u0661\u066c\u0662\u0663\u0664\u066b\u0665", "123450"),
        ("annual_tax", "450,00 DH", "45000"),
        ("coefficient", "0,75", None),
        ("coefficient", "0.75", None),
        ("annual_tax", "450", "45000"),
        ("annual_tax", "450.5", "45050"),
        ("annual_tax", "0", "0"),
        ("trade", "", None),
        ("enrolled_on", TODAY.isoformat(), TODAY.isoformat()),
        ("enrolled_on", "1985-03-08", "1985-03-08"),
        ("rights_until", "2023-05-02", "2023-05-02"),
        ("rights_until", "", None),
    ],
)
def test_parse_row_accepts_a_field(field: str, text: str, kept: object) -> None:
    others = {"rights_until": "2030-12-31"} if field == "enrolled_on" else {}
    assert parse(line(**{field: text} | others))[field] == kept


@pytest.mark.parametrize(
    ("category", "text", "kept"),
    [
        ("B", "4", None),
        ("C", "1", "1"),
        ("C", "3.2", "3.2"),
        ("C", "6.00", "6.00"),
        ("D", "nonsense", None),
    ],
)
def test_parse_row_keeps_a_coefficient_for_category_c_alone(
    category: str, text: str, kept: str | None
) -> None:
    assert parse(line(category=category, coefficient=text))["coefficient"] == kept


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rna_number": ""}, "rna_number: missing"),
        ({"rna_number": "   "}, "rna_number: missing"),
        ({"rna_number": "1" * 33}, "rna_number: longer than 32 characters"),
        ({"rna_number": "70 01"}, "rna_number: two numbers in one cell, or a blank within one"),
        ({"cnss_number": "12345678"}, "cnss_number: not 9 digits"),
        ({"cnss_number": "1234567890"}, "cnss_number: not 9 digits"),
        ({"cnss_number": "12345678a"}, "cnss_number: not 9 digits"),
        ({"cin": "AB"}, "cin: not 3 to 12 letters and digits"),
        ({"cin": "AB12345678901"}, "cin: not 3 to 12 letters and digits"),
        ({"cin": "É123456"}, "cin: not 3 to 12 letters and digits"),
        ({"full_name": " "}, "full_name: missing"),
        ({"full_name": "\u200f"}, "full_name: missing"),
        ({"full_name": "x" * 81}, "full_name: longer than 80 characters"),
        ({"full_name_ar": "ز" * 81}, "full_name_ar: longer than 80 characters"),
        ({"birth_date": ""}, "birth_date: missing"),
        ({"birth_date": "1985-02-30"}, "birth_date: 1985-02-30 is not a day of the calendar"),
        ({"birth_date": "1985-13-01"}, "birth_date: 1985-13-01 is not a day of the calendar"),
        ({"birth_date": "2023-02-29"}, "birth_date: 2023-02-29 is not a day of the calendar"),
        ({"birth_date": "0000-01-01"}, "birth_date: 0000-01-01 is not a day of the calendar"),
        ({"birth_date": "12/25/1985"}, "birth_date: 12/25/1985 has the month first"),
        ({"birth_date": "08/03/85"}, "birth_date: '08/03/85' has a year of two digits"),
        ({"birth_date": "1985-03-08 10:30"}, "birth_date: '1985-03-08 10:30' has a time of day"),
        ({"birth_date": "19850308"}, "birth_date: '19850308' is not a day written YYYY-MM-DD"),
        ({"birth_date": "1985-W10-5"}, "birth_date: '1985-W10-5' is not a day written YYYY-MM-DD"),
        ({"birth_date": "1899-12-31"}, "birth_date: 1899-12-31 is not from 1900-01-01 to today"),
        (
            {"birth_date": "2026-11-24", "enrolled_on": ""},
            "birth_date: 2026-11-24 is not from 1900-01-01 to today",
        ),
        ({"phone": "12345"}, "phone: not a phone number"),
        ({"phone": "061234567"}, "phone: not a phone number"),
        ({"phone": "+2126123456789"}, "phone: not a phone number"),
        ({"phone": "+212112345678"}, "phone: not a phone number"),
        ({"phone": "+999612345678"}, "phone: not a phone number"),
        ({"phone": "0800-FLOWERS"}, "phone: not a phone number"),
        ({"phone": "2.12612E+11"}, "phone: rounded by a spreadsheet, its last digits are lost"),
        ({"phone": "TOTAL"}, "phone: a word or sign that stands for nothing"),
        ({"phone": "++212612345678"}, "phone: not a phone number"),
        ({"language": ""}, "language: missing"),
        ({"language": "de"}, f"language: 'de' is not one of {LANGUAGE_CODES}"),
        ({"category": ""}, "category: missing"),
        ({"category": "E"}, "category: 'E' is not one of A, B, C, D"),
        ({"coefficient": "1"}, "coefficient: '1' is not 0.75, as category A has"),
        ({"category": "C"}, "coefficient: '' is not from 1 to 6"),
        ({"category": "C", "coefficient": "0.75"}, "coefficient: '0.75' is not from 1 to 6"),
        ({"category": "C", "coefficient": "6.01"}, "coefficient: '6.01' is not from 1 to 6"),
        ({"category": "C", "coefficient": "3.255"}, "coefficient: '3.255' is not from 1 to 6"),
        ({"category": "C", "coefficient": "NaN"}, "coefficient: '' is not from 1 to 6"),
        ({"category": "C", "coefficient": "2,555"}, "coefficient: a comma before three digits"),
        ({"annual_tax": "-1"}, "annual_tax: below 0"),
        ({"annual_tax": "1.234"}, "annual_tax: not an amount"),
        ({"annual_tax": "lots"}, "annual_tax: not a number"),
        ({"annual_tax": "1,234"}, "annual_tax: a comma before three digits may stand for"),
        ({"annual_tax": "1.2E+4"}, "annual_tax: rounded by a spreadsheet"),
        ({"full_name": "Z?ineb ???"}, "full_name: question marks in place of letters"),
        ({"full_name": "N/A"}, "full_name: a word that stands for nothing"),
        ({"phone": "0612345678 / 0712345678"}, "phone: two numbers in one cell"),
        ({"annual_tax": "1" * 13}, "annual_tax: not an amount"),
        ({"trade": "x" * 81}, "trade: longer than 80 characters"),
        ({"region": "x" * 81}, "region: longer than 80 characters"),
        ({"province": "x" * 81}, "province: longer than 80 characters"),
        ({"enrolled_on": "2026-11-24"}, "enrolled_on: 2026-11-24 is in the future"),
        ({"enrolled_on": "1985-03-07"}, "enrolled_on: 1985-03-07 is before birth_date"),
        ({"enrolled_on": "2023-00-10"}, "enrolled_on: 2023-00-10 is not a day of the calendar"),
        ({"rights_until": "2023-05-01"}, "rights_until: 2023-05-01 is before enrolled_on"),
        ({"rights_until": "soon"}, "rights_until: 'soon' is not a day written YYYY-MM-DD"),
    ],
)
def test_parse_row_names_a_bad_field_with_its_fault(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(BadRow) as bad:
        parse(line(**changes))
    assert reason in str(bad.value)
    assert ";" not in str(bad.value)


def test_parse_row_names_all_faults_in_one_reason() -> None:
    with pytest.raises(BadRow) as bad:
        parse(line(category="E", language="de", birth_date="1985-02-30"))
    assert str(bad.value) == (
        "birth_date: 1985-02-30 is not a day of the calendar; "
        f"language: 'de' is not one of {LANGUAGE_CODES}; "
        "category: 'E' is not one of A, B, C, D"
    )


def test_parse_row_shows_neither_cin_nor_phone_in_a_reason() -> None:
    with pytest.raises(BadRow) as bad:
        parse(line(cin="SECRET-CIN-12345", phone="+21299"))
    assert "12345" not in str(bad.value)
    assert "21299" not in str(bad.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line().replace("Zineb", '"Zineb').encode(), "a quote is left open"),
        (line().replace("Alaoui", 'Ala"oui').encode(), "a quote is left open"),
        (line().replace("Alaoui", 'Ala"ou"i').encode(), "a quote inside or beside"),
        (line().replace("Zineb", '"Zineb"x').encode(), "a quote inside or beside"),
        (line().encode("cp1256"), "not UTF-8 at byte 40"),
        (
            line().replace("Zineb", "Zin\0eb").encode(),
            "control character U+0000 at character 30",
        ),
        (
            line().replace("Zineb", "Zin\x9beb").encode(),
            "control character U+009B at character 30",
        ),
        (line(trade="x" * MAX_LINE_BYTES).encode(), "longer than 10000 bytes"),
        (line().removesuffix(",2027-01-31").encode(), "row: 15 fields, wanted 16"),
        (line().encode() + b",", "row: 17 fields, wanted 16"),
        (line().replace(",", ";").encode(), "row: 1 fields, wanted 16"),
    ],
)
def test_split_line_names_the_fault_of_a_line_that_is_no_row(text: bytes, reason: str) -> None:
    with pytest.raises(BadRow) as bad:
        parse_row(split_line(text), KEYS, TODAY)
    assert str(bad.value).startswith(reason)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8")))
def test_any_line_is_parsed_or_rejected(text: bytes) -> None:
    try:
        values = parse_row(split_line(text), KEYS, TODAY)
    except BadRow as bad:
        assert str(bad)
    else:
        assert len(values) == len(FIELDS)


@given(st.sampled_from(FIELDS), st.text(max_size=90) | st.from_regex(r"[0-9+.-]{1,15}"))
def test_any_fields_are_parsed_or_rejected(field: str, text: str) -> None:
    fields = split_line(line(enrolled_on="", rights_until="").encode())
    fields[FIELDS.index(field)] = text
    try:
        values = dict(zip(FIELDS, parse_row(fields, KEYS, TODAY), strict=True))
    except BadRow as bad:
        assert f"{field}: " in str(bad)
    else:
        assert re.fullmatch(r"[+][0-9]{8,15}", str(values["phone"] or "+21260000000"))
        assert len(str(values["full_name"])) in range(1, 81)
