"""A file is known by its bytes: what it is, in which encoding, and what to do about it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from app.files.errors import FileRefused
from app.files.recognition import guess_encoding
from app.files.table import GivenFile, open_table

FIELDS = ("number", "name")
FRENCH = "number,name\r\n1,Zineb\r\n2,Hélène Çelik-Benaïssa\r\n3,Müller\r\n"
ARABIC = "number,name\r\n1,Zineb\r\n2,فاطمة الزهراء العلوي\r\n3,يوسف بن علي\r\n"
LONE_SURROGATE = "\ufeffnumber,name\n1,a\ud800b\n".encode("utf-16-le", "surrogatepass")


def read(path: Path, content: bytes, encoding: str | None = None) -> list[list[str]]:
    path.write_bytes(content)
    with open_table(GivenFile(path, encoding), FIELDS) as table:
        return [list(row.cells) for row in table.require_rows()]


def refuse(path: Path, content: bytes, encoding: str | None = None) -> tuple[int, str]:
    with pytest.raises(FileRefused) as refused:
        read(path, content, encoding)
    return refused.value.params["line"], refused.value.params["why"]


def zip_of(name: str, content: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            zip_of("[Content_Types].xml", "<Types/>"),
            "an Excel workbook (.xlsx): save it",
        ),
        (
            zip_of("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            "an OpenDocument spreadsheet (.ods)",
        ),
        (zip_of("a.csv", "number,name"), "a ZIP archive: unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Excel workbook (.xls)"),
        (b"\x1f\x8b\x08\x00" + bytes(50), "compressed (gzip): unpack it"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\r\n <HTML><table><tr><td>number", "a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook>', "a web page or XML"),
        (b"{\\rtf1 number,name}", "a text document (RTF)"),
        (FRENCH.encode("utf-32"), "UTF-32"),
    ],
    # The bytes of an archive hold the time, and test processes have to agree on a name.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_document_that_is_no_text_is_refused_by_its_name(
    path: Path, content: bytes, what: str
) -> None:
    line, why = refuse(path, content)
    assert line == 1
    assert what in why


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [FRENCH, ARABIC])
def test_encoding_that_a_file_tells_is_read(path: Path, encoding: str, text: str) -> None:
    rows = [line.split(",") for line in text.splitlines()[1:]]
    assert read(path, text.encode(encoding)) == rows


@pytest.mark.parametrize(
    ("text", "codec", "option"),
    [(FRENCH, "cp1252", "windows-1252"), (ARABIC, "cp1256", "windows-1256")],
)
def test_windows_encoding_is_read_if_the_operator_says_so(
    path: Path, text: str, codec: str, option: str
) -> None:
    content = text.encode(codec)
    line, why = refuse(path, content)
    assert (line, f"give --encoding {option}" in why) == (3, True)
    assert why.startswith("byte ")
    assert read(path, content, option) == [line.split(",") for line in text.splitlines()[1:]]
    assert read(path, content.replace(b"\r\n", b"\r"), option)[0] == ["1", "Zineb"]


@pytest.mark.parametrize("name", ["L’Atlas", "“Zineb”", "‘Zineb’", "Zineb…", "Souk «Jdid»"])
def test_quotes_of_word_processors_tell_windows_1252(path: Path, name: str) -> None:
    content = f"number,name\n1,{name}\n".encode("cp1252")
    assert "give --encoding windows-1252" in refuse(path, content)[1]
    assert read(path, content, "windows-1252") == [["1", name]]


def test_french_in_the_arabic_encoding_is_read_as_it(path: Path) -> None:
    assert read(path, "number,name\n1,Hélène".encode("cp1256"), "windows-1256") == [["1", "Hélène"]]


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        (FRENCH, "mac-roman", "MacRoman"),
        (FRENCH, "cp850", "DOS code page 850"),
        ("number,name\n1,Sœur Éloïse\n", "iso8859-15", "ISO 8859-15 (Latin-9)"),
        (ARABIC, "iso8859-6", "ISO 8859-6 (Arabic)"),
    ],
)
def test_other_encoding_is_refused_by_its_name(
    path: Path, text: str, codec: str, name: str
) -> None:
    _line, why = refuse(path, text.encode(codec))
    assert f"looks like {name}: save it as CSV UTF-8" in why
    for option in ("windows-1252", "windows-1256"):
        _line, why = refuse(path, text.encode(codec), option)
        assert f"looks like {name}, not {option}" in why


@pytest.mark.parametrize(
    ("content", "option", "why"),
    [
        (FRENCH.encode(), "windows-1252", "the file is UTF-8: leave --encoding out"),
        (FRENCH.encode("utf-16"), "windows-1252", "says that it is UTF-16"),
        (FRENCH.encode("utf-8-sig"), "windows-1256", "says that it is UTF-8"),
        (ARABIC.encode("cp1256"), "windows-1252", "looks like Windows-1256, not windows-1252"),
        (b"number,name\n1,\xe9\x81\n", "windows-1252", "not windows-1252"),
        (FRENCH.encode("utf-16-le"), None, "UTF-16 without its mark"),
        (
            b"\xff\xfe" + "number,name\n1,a\ud800b\n".encode("utf-16-le", "surrogatepass"),
            None,
            "not utf-16-le",
        ),
    ],
)
def test_wrong_or_broken_encoding_is_refused(
    path: Path, content: bytes, option: str | None, why: str
) -> None:
    assert why in refuse(path, content, option)[1]


def test_single_broken_byte_of_a_file_in_utf_8_is_named_by_line_and_byte(path: Path) -> None:
    content = ARABIC.encode() + b"4,Zin\xe9b\n"
    assert refuse(path, content) == (5, "not UTF-8 at byte 6")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Zin\ufffdb", "name: a broken character U+FFFD at character 4"),
        ("HÃ©lÃ¨ne", "name: letters broken at character 2, UTF-8 that was read in another"),
        ("Ø§Ø·Ø©", "name: letters broken at character"),
        ("ظپط§ط·ظ…ط©", "name: letters broken at character"),
        ("\ue000", "name: a broken character U+E000"),
        ("a\x00b", "control character U+0000"),
    ],
)
def test_broken_letters_are_refused_with_line_and_column(path: Path, name: str, why: str) -> None:
    line, told = refuse(path, f"number,name\n1,Zineb\n2,{name}\n".encode())
    assert (line, told[: len(why)]) == (3, why)


def test_letters_of_the_regions_are_not_taken_for_broken_ones(path: Path) -> None:
    names = ["Fès-Meknès", "Ângela Ãs", "طنجة، تطوان", "ⵜⵉⵍⵎⵙⴰⵙ", "Šarić", "ظ،"]
    rows = [[str(number), name] for number, name in enumerate(names)]
    assert read(path, ("number,name\n" + "\n".join(map(",".join, rows))).encode()) == rows


def test_guess_is_none_for_bytes_of_no_language() -> None:
    assert guess_encoding(bytes(range(128, 256))) is None
