"""Imports of the ministry's file into a real database: stored, counted and rejected rows."""

import csv
import stat
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from app.enrolment.models import artisan
from app.enrolment.registry import (
    RegistryImportOptions,
    RegistryImportReport,
    import_registry,
)
from app.enrolment.registry_file import rejected_path
from app.enrolment.registry_staging import STORED
from app.enrolment.rules import cin_digest
from app.enrolment.sample_rows import sample_rows
from app.enrolment.samples import sample_people_csv
from app.files.errors import FileRefused
from app.files.lines import MAX_LINE_BYTES
from app.text.languages import LANGUAGES
from tests.conftest import NOW
from tests.enrolment.registry_lines import (
    GOOD,
    HEADER,
    KEYS,
    TODAY,
    line,
    load,
    load_lines,
    numbered,
    rejections,
    stored,
    write,
)

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rna.csv"


def versions(engine: Engine) -> list[tuple[object, ...]]:
    """Where each artisan's row lies and who wrote it: the same only if it was not touched."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(artisan.c.rna_number, text("ctid::text"), text("xmin::text"), text("xmax::text"))
        )
        return sorted(tuple(row) for row in rows)


def counts(report: object) -> tuple[int, ...]:
    return tuple(
        getattr(report, name) for name in ("read", "created", "updated", "unchanged", "rejected")
    )


def test_import_stores_a_row_with_its_types(engine: Engine, file: Path) -> None:
    report = load_lines(engine, file, line(category="C", coefficient="3.2", annual_tax="450.5"))
    assert counts(report) == (1, 1, 0, 0, 0)
    assert stored(engine, *STORED, "rights_as_of") == [
        (
            "700001",
            "123456789",
            cin_digest("AB123456", KEYS),
            "Zineb Alaoui",
            "زينب العلوي",
            date(1985, 3, 8),
            "+212612345678",
            "fr",
            "C",
            Decimal("3.20"),
            45050,
            "Tapis",
            "Fès-Meknès",
            "Sefrou",
            date(2023, 5, 2),
            date(2027, 1, 31),
            None,
            TODAY,
        )
    ]
    assert not rejected_path(file).exists()


def test_import_stores_missing_optional_fields_as_null(engine: Engine, file: Path) -> None:
    optional = set(GOOD) - {"rna_number", "full_name", "birth_date", "language", "category"}
    assert load_lines(engine, file, line(**dict.fromkeys(optional, ""))).created == 1
    nullable = sorted(set(STORED) - set(GOOD)) + sorted(optional & set(STORED))
    assert set(stored(engine, *nullable)[0]) == {None}


def test_import_of_the_same_file_again_changes_nothing(engine: Engine, file: Path) -> None:
    lines = [numbered(index) for index in range(50)]
    assert counts(load_lines(engine, file, *lines)) == (50, 50, 0, 0, 0)
    before = versions(engine)
    assert counts(load(engine, file)) == (50, 0, 0, 50, 0)
    assert versions(engine) == before


def test_import_on_another_day_moves_only_the_day_of_the_word(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1), numbered(2))
    before = stored(engine, *STORED)
    assert counts(load(engine, file, TOMORROW)) == (2, 0, 0, 2, 0)
    assert stored(engine, *STORED) == before
    assert stored(engine, "rights_as_of") == [(TOMORROW,), (TOMORROW,)]


def test_import_updates_changed_rows_and_keeps_absent_ones(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1), numbered(2), numbered(3))
    ids = stored(engine, "id")
    changed = numbered(2, rights_until="", full_name="Zineb Tazi")
    report = load_lines(engine, file, numbered(1), changed, numbered(4), today=TOMORROW)
    assert counts(report) == (3, 1, 1, 1, 0)
    assert stored(engine, "id")[:3] == ids
    assert stored(engine, "rna_number", "full_name", "rights_until", "rights_as_of") == [
        ("81", "Zineb Alaoui", date(2027, 1, 31), TOMORROW),
        ("82", "Zineb Tazi", None, TOMORROW),
        ("83", "Zineb Alaoui", date(2027, 1, 31), TODAY),
        ("84", "Zineb Alaoui", date(2027, 1, 31), TOMORROW),
    ]


def test_import_rejects_bad_rows_in_line_order_and_stores_good_ones(
    engine: Engine, file: Path
) -> None:
    report = load_lines(
        engine,
        file,
        numbered(1),
        numbered(2, category="E"),
        "",
        numbered(3).replace("Zineb", '"Zineb'),
        numbered(1, cnss_number="", cin=""),
        numbered(4, language="de"),
        "   ",
        numbered(5, birth_date="1985-02-30"),
        numbered(6, phone="12345"),
        numbered(7),
    )
    assert counts(report) == (8, 2, 0, 0, 6)
    assert rejections(file) == [
        (3, "category: 'E' is not one of A, B, C, D"),
        (5, "row: a quote is left open"),
        (6, "rna_number: already on line 2"),
        (7, f"language: 'de' is not one of {', '.join(LANGUAGES)}"),
        (9, "birth_date: 1985-02-30 is not a day of the calendar"),
        (10, "phone: not a phone number"),
    ]
    assert stored(engine, "rna_number") == [("81",), ("87",)]


def test_rejected_file_holds_the_rows_for_its_owner_alone(engine: Engine, file: Path) -> None:
    bad = numbered(1, full_name="El Fassi, Zineb", category="E")
    load_lines(engine, file, bad, numbered(2).replace("Zineb", "Zi\0neb"))
    first, second, third = rejected_path(file).read_text(encoding="utf-8").splitlines()
    assert first == f"{HEADER},line,reason"
    assert second == f"""{bad},2,"category: 'E' is not one of A, B, C, D\""""
    assert "Zi\\x00neb" in third
    assert stat.S_IMODE(rejected_path(file).stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == [
        "rna.csv",
        "rna.csv.rejected.csv",
    ]


def test_rejected_file_runs_nothing_in_a_spreadsheet_and_loses_nothing(
    engine: Engine, file: Path
) -> None:
    rejected_path(file).write_text("everybody's")
    rejected_path(file).chmod(0o644)
    bad = "=HYPERLINK(1)" + line() + ";=1+1"
    load_lines(engine, file, bad)
    with rejected_path(file).open(encoding="utf-8", newline="") as rows:
        (row,) = list(csv.reader(rows))[1:]
    assert ",".join(row[:-2]) == "'=HYPERLINK(1)" + line() + ";'=1+1"
    assert stat.S_IMODE(rejected_path(file).stat().st_mode) == 0o600


def test_rejected_file_is_taken_once_it_is_corrected(engine: Engine, file: Path) -> None:
    """Whatever separator the register came with; what nobody corrected is refused again."""
    lines = [
        numbered(1, category="E", full_name="El Fassi, Zineb"),
        numbered(2, phone="+212 (6) 11 22 33 44", category="F"),
        numbered(3) + ",,one field more",
    ]
    assert counts(load_lines(engine, file, *lines)) == (3, 0, 0, 0, 3)
    again = rejected_path(file)
    assert counts(load(engine, again)) == (3, 0, 0, 0, 3)
    refused = rejected_path(again).read_text(encoding="utf-8")
    corrected = refused.replace(",E,", ",A,").replace(",F,", ",A,").splitlines()
    again.write_text("\n".join([*corrected[:3], numbered(3) + ",4,"]), encoding="utf-8")
    assert counts(load(engine, again)) == (3, 3, 0, 0, 0)
    assert not rejected_path(again).exists()


def test_rejected_file_is_removed_when_nothing_is_rejected(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1, category="E"))
    assert rejections(file)
    load_lines(engine, file, numbered(1))
    assert not rejected_path(file).exists()


@pytest.mark.parametrize("number", ["rna_number", "cnss_number", "cin"])
def test_import_keeps_the_first_of_two_rows_with_the_same_number(
    engine: Engine, file: Path, number: str
) -> None:
    twins = [numbered(index, **{number: GOOD[number]}) for index in range(3)]
    assert counts(load_lines(engine, file, *twins)) == (3, 1, 0, 0, 2)
    assert rejections(file) == [
        (3, f"{number}: already on line 2"),
        (4, f"{number}: already on line 2"),
    ]


def test_rejected_row_takes_no_number_from_a_later_row(engine: Engine, file: Path) -> None:
    report = load_lines(engine, file, line(category="E"), line())
    assert counts(report) == (2, 1, 0, 0, 1)
    assert rejections(file) == [(2, "category: 'E' is not one of A, B, C, D")]


def test_import_reads_one_cin_in_two_writings_as_one(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1, cin="AB 123456"), numbered(2, cin="ab-123456"))
    assert rejections(file) == [(3, "cin: already on line 2")]


@pytest.mark.parametrize(("number", "taken"), [("cnss_number", "100000001"), ("cin", "C000001")])
def test_import_rejects_another_artisan_s_number_without_naming_the_artisan(
    engine: Engine, file: Path, number: str, taken: str
) -> None:
    load_lines(engine, file, numbered(1))
    report = load_lines(engine, file, numbered(2, **{number: taken}), numbered(3))
    assert counts(report) == (2, 1, 0, 0, 1)
    assert rejections(file) == [(2, f"{number}: belongs to another artisan")]


@pytest.mark.parametrize("number", ["cnss_number", "cin"])
def test_import_lets_two_artisans_swap_their_numbers(
    engine: Engine, file: Path, number: str
) -> None:
    column = "cin_digest" if number == "cin" else number
    first, second = "AB1234567", "CD7654321"
    if number == "cnss_number":
        first, second = "111111111", "222222222"
    load_lines(engine, file, numbered(1, **{number: first}), numbered(2, **{number: second}))
    before = stored(engine, column)
    report = load_lines(
        engine, file, numbered(1, **{number: second}), numbered(2, **{number: first})
    )
    assert counts(report) == (2, 0, 2, 0, 0)
    assert stored(engine, column) == before[::-1]


def test_import_gives_a_released_number_to_a_new_artisan(engine: Engine, file: Path) -> None:
    load_lines(engine, file, numbered(1))
    report = load_lines(
        engine, file, numbered(2, cnss_number="100000001"), numbered(1, cnss_number="")
    )
    assert counts(report) == (2, 1, 1, 0, 0)
    assert stored(engine, "rna_number", "cnss_number") == [("81", None), ("82", "100000001")]


def test_rejected_artisan_keeps_the_number_along_the_whole_chain(
    engine: Engine, file: Path
) -> None:
    chain = 40
    load_lines(engine, file, *(numbered(index) for index in range(chain)))
    before = stored(engine, "rna_number", "cnss_number")
    moved = [numbered(index, cnss_number=f"1{index + 1:08}") for index in range(chain - 1)]
    report = load_lines(engine, file, *moved, numbered(chain - 1, category="E"))
    assert counts(report) == (chain, 0, 0, 0, chain)
    assert {reason for _, reason in rejections(file)} == {
        "cnss_number: belongs to another artisan",
        "category: 'E' is not one of A, B, C, D",
    }
    assert stored(engine, "rna_number", "cnss_number") == before


def test_import_reads_bom_crlf_blank_lines_quotes_and_no_last_line_end(
    engine: Engine, file: Path
) -> None:
    quoted = ",".join(f'"{name}"' for name in HEADER.split(","))
    content = "\r\n".join((quoted, "", numbered(1), numbered(2)))
    file.write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert counts(load(engine, file)) == (2, 2, 0, 0, 0)
    assert stored(engine, "rights_until")[1] == (date(2027, 1, 31),)


def test_import_rejects_only_the_line_in_another_encoding(engine: Engine, file: Path) -> None:
    lines = (HEADER.encode(), numbered(1).encode("cp1256"), numbered(2).encode())
    file.write_bytes(b"\n".join(lines))
    assert counts(load(engine, file)) == (2, 1, 0, 0, 1)
    ((number, reason),) = rejections(file)
    assert number == 2
    assert reason.startswith("row: not UTF-8 at byte ")


def test_import_rejects_a_huge_line_in_little_memory(engine: Engine, file: Path) -> None:
    file.write_text("\n".join((HEADER, "x" * 30_000_000, numbered(1))), encoding="utf-8")
    assert counts(load(engine, file)) == (2, 1, 0, 0, 1)
    assert rejections(file) == [(2, f"row: longer than {MAX_LINE_BYTES} bytes")]
    assert rejected_path(file).stat().st_size < 1000


def test_import_of_a_header_alone_stores_nobody(engine: Engine, file: Path) -> None:
    assert counts(load_lines(engine, file)) == (0, 0, 0, 0, 0)
    assert not rejected_path(file).exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file: empty"),
        (b"\xef\xbb\xbf\n,,,\n", "file: empty"),
        (HEADER.replace(",cin", "").encode(), "header: missing: cin"),
        (f"{HEADER},cin".encode(), "header: given twice: cin"),
        (HEADER.replace("cin", "cni").encode(), "header: missing: cin; unknown: 'cni'"),
        (numbered(1).encode(), "header: none of the columns rna_number, cnss_number"),
        (f"{HEADER}\n{numbered(1)}".encode("utf-32"), "the file is UTF-32"),
        (f"{HEADER}\n".encode("utf-16-le"), "looks like UTF-16 without its mark"),
        (b"PK\x03\x04\x14\x00\xff\xfe" * 9, "the file is a ZIP archive"),
        (HEADER.encode() * 100, "header: longer than"),
    ],
)
def test_import_refuses_a_file_that_is_no_register(
    engine: Engine, file: Path, content: bytes, reason: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(FileRefused) as refused:
        load(engine, file)
    assert refused.value.params["line"] == 1
    assert refused.value.params["why"].startswith(reason)
    assert rejections(file) == [(1, refused.value.params["why"])]
    assert stored(engine, "id") == []


@pytest.mark.parametrize("where", ["absent.csv", "folder"])
def test_import_of_a_path_that_is_no_file_is_an_os_error(
    engine: Engine, tmp_path: Path, where: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"No such file|Not a regular file"):
        load(engine, tmp_path / where)


def test_import_stores_nothing_if_the_rejected_file_cannot_be_written(
    engine: Engine, file: Path
) -> None:
    write(file, [numbered(1), numbered(2, category="E")])
    rejected_path(file).mkdir()
    with pytest.raises(OSError, match=r"rejected\.csv"):
        load(engine, file)
    assert stored(engine, "id") == []


def test_made_up_register_is_refused_where_no_made_up_people_are_taken(
    engine: Engine, file: Path
) -> None:
    real = RegistryImportOptions(NOW, refuses_made_up=True)

    def load_real(*lines: str) -> RegistryImportReport:
        path = write(file, lines)
        return import_registry(engine, path, keys=KEYS, today=TODAY, options=real)

    made_up = list(sample_rows(300, 7))[1:]
    people = sample_people_csv(TODAY).splitlines()[1:]
    for lines in (made_up, people, made_up[:1], [*made_up[:9], numbered(1), numbered(2)]):
        with pytest.raises(FileRefused) as refused:
            load_real(*lines)
        assert "`flask registry sample` or the sample people" in refused.value.params["why"]
        assert stored(engine, "id") == []
    # A person who is such by chance is taken; in development the whole file is.
    assert load_real(numbered(1), numbered(2), made_up[0]).created == 3
    assert load_lines(engine, file, *made_up).created == 299
