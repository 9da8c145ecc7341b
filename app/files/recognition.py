"""Recognises by its bytes what a file is that is no CSV in UTF-8. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

# Encodings that are read where the operator names them; nothing in the bytes proves them.
NAMED_ENCODINGS = ("windows-1252", "windows-1256")

_SAVE_AS = "save it as CSV UTF-8"
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", f"an Excel workbook (.xls): {_SAVE_AS}"),
    (b"\x1f\x8b", "compressed (gzip): unpack it"),
    (b"BZh", "compressed (bzip2): unpack it"),
    (b"7z\xbc\xaf", "compressed (7z): unpack it"),
    (b"\xfd7zXZ", "compressed (xz): unpack it"),
    (b"(\xb5/\xfd", "compressed (zstd): unpack it"),
    (b"Rar!", "compressed (rar): unpack it"),
    (b"%PDF", f"a PDF, which has no cells: {_SAVE_AS} where it was made"),
    (b"{\\rtf", f"a text document (RTF): {_SAVE_AS}"),
    (b"SQLite format 3", f"a database: {_SAVE_AS}"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|table|meta|style|\?xml|!--)", re.IGNORECASE)
_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
# Letters beyond ASCII that French, Arabic and Tamazight names have.
_FRENCH = frozenset("àâäçèéêëîïôöùûüÿœæÀÂÄÇÈÉÊËÎÏÔÖÙÛÜŒÆ°’‘“”…«»–")
_ARABIC = frozenset(map(chr, (*range(0x0621, 0x064B), 0x060C)))
# By how each reads the bytes; of two that read them alike the first is named.
_CANDIDATES: Mapping[str, tuple[str, frozenset[str]]] = {
    "cp1252": ("Windows-1252", _FRENCH),
    "cp1256": ("Windows-1256", _ARABIC | _FRENCH),
    "iso8859-15": ("ISO 8859-15 (Latin-9)", _FRENCH),
    "iso8859-6": ("ISO 8859-6 (Arabic)", _ARABIC),
    "mac-roman": ("MacRoman", _FRENCH),
    "mac-arabic": ("MacArabic", _ARABIC | _FRENCH),
    "cp850": ("DOS code page 850", _FRENCH),
    "cp720": ("DOS code page 720", _ARABIC | _FRENCH),
    "cp864": ("DOS code page 864", _ARABIC),
}
_OPTIONS = {"Windows-1252": "windows-1252", "Windows-1256": "windows-1256"}
_LEAST_SHARE = 0.9


def recognise_document(head: bytes) -> str | None:
    """Says what a file is that has no lines of text, by its first bytes; None for text."""
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return f"the file is {what}"
    if head.startswith(b"PK"):
        return f"the file is {_recognise_archive(head)}"
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        return f"the file is a web page or XML, as some programs write .xls: {_SAVE_AS}"
    if head.startswith(_UTF_32):
        return f"the file is UTF-32: {_SAVE_AS}"
    return None


def _recognise_archive(head: bytes) -> str:
    if b"opendocument.spreadsheet" in head:
        return f"an OpenDocument spreadsheet (.ods): {_SAVE_AS}"
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return f"an Excel workbook (.xlsx): {_SAVE_AS}"
    return "a ZIP archive: unpack it"


def find_utf_16(head: bytes) -> str | None:
    """Returns the codec of UTF-16 that the file's first mark tells, or None."""
    if head.startswith(_UTF_32):
        return None
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    return "utf-16-be" if head.startswith(codecs.BOM_UTF16_BE) else None


def is_unmarked_utf_16(head: bytes) -> bool:
    """Returns whether every second byte is NUL, as of UTF-16 without its first mark."""
    half = len(head) // 2
    return half > 2 and max(head[::2].count(0), head[1::2].count(0)) > half * 0.7


def name_encoding(sample: bytes) -> str:
    """Says which encoding a sample of bytes that are no UTF-8 looks like, and what to do."""
    best = guess_encoding(sample)
    if best is None:
        return f"an encoding that is not known: {_SAVE_AS}"
    if option := _OPTIONS.get(best):
        return f"looks like {best}: give --encoding {option}, or {_SAVE_AS}"
    return f"looks like {best}: {_SAVE_AS}"


def guess_encoding(sample: bytes) -> str | None:
    """Returns the name of the encoding in which the sample's letters are those of names."""
    found: tuple[float, str] | None = None
    for codec, (name, letters) in _CANDIDATES.items():
        share = _find_share(sample, codec, letters)
        if share >= _LEAST_SHARE and (found is None or share > found[0]):
            found = share, name
    return found[1] if found else None


def _find_share(sample: bytes, codec: str, letters: frozenset[str]) -> float:
    """Returns the share of the characters beyond ASCII that are letters of names.

    Latin letters beside Arabic ones are none; capitals count less, as they are rarer.
    """
    count, sum_of_letters = 0, 0.0
    for run in sample.split(b" "):
        text = run.decode(codec, errors="replace")
        # One Arabic letter alone is mostly a Latin one.
        usual = _ARABIC if len(text) > 1 and _ARABIC.intersection(text) else letters - _ARABIC
        count += len(text)
        sum_of_letters += sum(0.95 if char.isupper() else 1 for char in text if char in usual)
    return sum_of_letters / count if count else 0
