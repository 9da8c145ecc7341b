"""Keeps the comments of `.po` files current: what a translator needs beside a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.text.languages import DEFAULT
from app.text.words import Words
from app.ussd.tools.places import Places
from app.ussd.tools.room import Room

# Lines that begin so are extracted comments, which tools for translators show beside the sentence.
_MARK = "#. "
_KEY = re.compile(r'^msgid "(.+)"$', re.MULTILINE)
_MOST_PLACES = 2


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of every sentence: the French one, its places, and the letters left."""

    words: Words
    places: Places
    room: Room

    def find_stale(self, locales: Path) -> dict[Path, str]:
        """Returns the files whose comments are not current, each with the text it should have."""
        stale = {}
        for language in self.words.languages:
            path = locales / language / "LC_MESSAGES" / "menus.po"
            written = path.read_text("utf-8")
            current = write_comments(written, self.describe_all(language))
            if current != written:
                stale[path] = current
        return stale

    def describe_all(self, language: str) -> dict[str, list[str]]:
        """Returns the comment lines of each key of a language."""
        places, room = self.places.describe_all(), self.room.measure_all(language)
        return {
            key: list(self._describe(language, key, places.get(key, ()), room.get(key)))
            for key in sorted(self.words.keys(language))
        }

    def _describe(
        self, language: str, key: str, places: Sequence[str], left: int | None
    ) -> Iterator[str]:
        if language != DEFAULT and key in self.words.keys(DEFAULT):
            forms = self.words.forms(DEFAULT, key)
            yield f"{DEFAULT}: " + " / ".join(form.replace("\n", "\\n") for form in forms)
        more = f", and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
        yield "; ".join(places[:_MOST_PLACES]) + more
        if left is not None:
            yield f"letters left: {max(left, 0)}"


def write_comments(written: str, comments: Mapping[str, Sequence[str]]) -> str:
    """Returns the text of a `.po` file with these comments above each key, and no others.

    Nothing else of the file changes.
    """
    entries = written.split("\n\n")
    return "\n\n".join(_write_entry(entry, comments) for entry in entries)


def _write_entry(entry: str, comments: Mapping[str, Sequence[str]]) -> str:
    lines = [line for line in entry.split("\n") if not line.startswith(_MARK)]
    if not (match := _KEY.search(entry)):
        return "\n".join(lines)
    at = lines.index(match[0])
    lines[at:at] = [_MARK + line for line in comments.get(match[1], ())]
    return "\n".join(lines)
