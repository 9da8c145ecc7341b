"""Opens a file of people as UTF-8 with line feeds, whatever encoding and line ends it came in.

A file that is so already is read where it stands; another is copied, letter by letter, into a
nameless temporary file, which is gone when it is closed.
"""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from app.files.errors import FileRefused
from app.files.recognition import (
    NAMED_ENCODINGS,
    find_utf_16,
    guess_encoding,
    is_unmarked_utf_16,
    name_encoding,
    recognise_document,
)

_HEAD = 4096
_PIECE = 1 << 20
_SAMPLE = 1 << 16
_LINE_ENDS = re.compile(r"\r\r?\n|\r")
_FOREIGN = re.compile(rb"[\x80-\xff]+")


@dataclass(slots=True)
class FileSurvey:
    """Counts of a file's bytes: `letters` beyond ASCII that are UTF-8, `strays` that are not.

    `line` and `byte` are the place of the first stray; `sample` holds some of them.
    """

    letters: int = 0
    strays: int = 0
    line: int = 0
    byte: int = 0
    sample: bytes = b""
    lone_returns: bool = False

    @property
    def is_foreign(self) -> bool:
        """True of a file in another encoding; single strays are damage of a file in UTF-8."""
        return self.strays > self.letters


@contextmanager
def open_plain(path: Path, encoding: str | None = None) -> Iterator[BinaryIO]:
    """Opens the file at its first character. `encoding` is one of NAMED_ENCODINGS, or None.

    Single bytes that are no UTF-8 stay as they are: their lines are at fault.

    Raises: FileRefused naming what the file is, OSError.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(None, "Not a regular file", str(path))
    with path.open("rb", buffering=1 << 16) as file:
        head = file.read(_HEAD)
        if document := recognise_document(head):
            raise FileRefused(line=1, why=document, fault="document")
        codec = find_utf_16(head)
        marked = codec or head.startswith(codecs.BOM_UTF8)
        if encoding and marked:
            told = "UTF-16" if codec else "UTF-8"
            why = f"the file says that it is {told}: leave --encoding out"
            raise FileRefused(line=1, why=why, fault="encoding_told")
        if not marked and is_unmarked_utf_16(head):
            why = "looks like UTF-16 without its mark: save as CSV UTF-8"
            raise FileRefused(line=1, why=why, fault="encoding")
        if codec is None:
            survey = _survey_bytes(file)
            codec = _choose_codec(survey, encoding)
            if codec is None and not survey.lone_returns:
                file.seek(len(codecs.BOM_UTF8) if marked else 0)
                yield file
                return
        with TemporaryFile() as plain:
            _copy_plainly(file, plain, codec)
            plain.seek(0)
            yield plain


def _choose_codec(survey: FileSurvey, encoding: str | None) -> str | None:
    """Returns the codec to read with; None for UTF-8. Raises: FileRefused."""
    if encoding is None:
        if survey.is_foreign:
            why = f"byte {survey.byte} is not UTF-8: {name_encoding(survey.sample)}"
            raise FileRefused(line=survey.line, why=why, fault="encoding")
        return None
    assert encoding in NAMED_ENCODINGS
    if survey.letters and not survey.is_foreign:
        why = "the file is UTF-8: leave --encoding out"
        raise FileRefused(line=1, why=why, fault="encoding_told")
    guess = guess_encoding(survey.sample) if survey.strays else None
    # What 1256 has of French stands where 1252 has it.
    alike = {encoding, "windows-1252"}
    if guess and guess.casefold() not in alike:
        why = f"byte {survey.byte} looks like {guess}, not {encoding}"
        raise FileRefused(line=survey.line, why=why, fault="encoding")
    return encoding


def _survey_bytes(file: BinaryIO) -> FileSurvey:
    """Looks through the whole file."""
    file.seek(0)
    survey, lines = FileSurvey(), 1
    while piece := file.read(_PIECE):
        piece += file.readline(_PIECE)
        if not survey.lone_returns:
            survey.lone_returns = piece.count(b"\r") != piece.count(b"\r\n")
        if not piece.isascii():
            _survey_piece(survey, piece, lines)
        lines += piece.count(b"\n")
    return survey


def _survey_piece(survey: FileSurvey, piece: bytes, first_line: int) -> None:
    try:
        survey.letters += len(piece.decode()) - len(piece.translate(None, _BEYOND_ASCII))
        return
    except UnicodeDecodeError as error:
        if not survey.strays:
            before = piece[: error.start]
            survey.line = first_line + before.count(b"\n")
            survey.byte = error.start - before.rfind(b"\n")
    bare = piece.translate(None, _BEYOND_ASCII)
    survey.letters += len(piece.decode(errors="ignore")) - len(bare)
    kept = piece.decode(errors="ignore").encode()
    survey.strays += len(piece) - len(kept)
    if len(survey.sample) < _SAMPLE:
        survey.sample += b" ".join(_FOREIGN.findall(piece))[: _SAMPLE - len(survey.sample)]


def _copy_plainly(file: BinaryIO, plain: BinaryIO, codec: str | None) -> None:
    """Copies the file as UTF-8 with a line feed at each line's end. Raises: FileRefused."""
    decoder = codecs.getincrementaldecoder(codec or "utf-8")(
        "surrogateescape" if codec is None else "strict"
    )
    file.seek(0)
    lines, waiting, first = 1, "", True
    while True:
        piece = file.read(_PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(str(codec), "ignore")
            line = lines + _LINE_ENDS.sub("\n", before).count("\n")
            why = f"not {codec}: {error.reason}"
            raise FileRefused(line=line, why=why, fault="encoding") from None
        text = waiting + (text.removeprefix("\ufeff") if first and text else text)
        first = first and not text
        waiting = ""
        if piece:
            # Two returns at the end may have their line feed in the next piece.
            bare = max(len(text.rstrip("\r")), len(text) - 2)
            text, waiting = text[:bare], text[bare:]
        text = _LINE_ENDS.sub("\n", text)
        lines += text.count("\n")
        plain.write(text.encode(errors="surrogateescape"))
        if not piece:
            return


_BEYOND_ASCII = bytes(range(0x80, 0x100))
