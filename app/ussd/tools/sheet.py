"""A sheet for a native reader: every screen, message and sentence with everyday values."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from app.base.csv_writing import write_rows
from app.text.encoding import Limits
from app.text.languages import DEFAULT, LANGUAGES
from app.ussd.checker.declarations import Declarations
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.menu import Screen
from app.ussd.tools.places import Places, find_paths

# The reader is no programmer, and reads the French beside.
_SECTIONS = ("Écrans", "Messages SMS", "Phrases dans d'autres", "Pages du guichet et du service")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A line of the sheet: what a phone shows in French and in the reader's language, page by page.

    `key` names it, in a remark too. `place` is what to dial, or the sentences that it stands in.
    """

    section: str
    key: str
    place: str
    french: tuple[str, ...]
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet of a language, from a menu filled with everyday values and dialled by `code`."""

    filled: FilledMenu
    declared: Declarations
    limits: Limits
    language: str
    code: str

    def list_rows(self) -> list[SheetRow]:
        """Returns every row, the screens in the order of the menu."""
        screens, messages, parts, pages = _SECTIONS
        rows = [*self._list_screens(screens)]
        shown = {row.key for row in rows} | self._keys_on_screens()
        parents = self._find_parents()
        for key in sorted(self.filled.engine.words.keys(self.language) - shown):
            section = messages if key in self.declared.messages else parts
            section = pages if key in self.declared.pages else section
            place = ", ".join(parents.get(key, []))
            french, text = self._say(DEFAULT, key), self._say(self.language, key)
            rows.append(SheetRow(section, key, place, french, text))
        return rows

    def _find_parents(self) -> dict[str, list[str]]:
        """Returns, for each sentence that stands in others, the keys of these."""
        parents: dict[str, list[str]] = {}
        menu, words = self.filled.engine.menu, self.filled.engine.words
        for part, key, _ in Places(menu, words, self.declared).list_parts():
            if key not in parents.setdefault(part, []):
                parents[part].append(key)
        return parents

    def _list_screens(self, section: str) -> Iterator[SheetRow]:
        paths = find_paths(self.filled.engine.menu)
        for screen in self.filled.engine.menu.screens.values():
            if screen.kind != "do":
                french, text = self._show(screen, DEFAULT), self._show(screen, self.language)
                place = self._write_way(paths.get(screen.name))
                yield SheetRow(section, screen.name, place, french, text)

    def _write_way(self, path: str | None) -> str:
        """Returns what to dial for a screen; `...` is something typed."""
        if path is None:
            return ""
        dialled = "*".join([self.code.removesuffix("#"), *filter(None, [path])]) + "#"
        return dialled.replace("<...>", "...")

    def _show(self, screen: Screen, language: str) -> tuple[str, ...]:
        # One row of a list: all have the same sample values.
        return tuple(self.filled.pages(screen, language, self.limits, rows=1))

    def _keys_on_screens(self) -> set[str]:
        """Returns the keys of choices and rows, which their screens show."""
        screens = self.filled.engine.menu.screens.values()
        choices = {f"{s.name}.{choice.digit}" for s in screens for choice in s.choices}
        return choices | {f"{screen.name}.row" for screen in screens}

    def _say(self, language: str, key: str) -> tuple[str, ...]:
        """Returns the sentence with everyday values; of a noun, a line for each of its forms."""
        words, samples = self.filled.engine.words, self.filled.samples
        if words.is_noun(language, key):
            return ("\n".join(words.write_every_form(language, key)),)
        return (words.say(language, key, samples.worst(words, language, key)),)


def write_csv(rows: list[SheetRow]) -> str:
    """Returns the sheet as CSV, with an empty column for remarks."""
    file = io.StringIO()
    write_rows(file, [["section", "key", "place", DEFAULT, "text", "remark"]])
    for row in rows:
        shown = ("\n---\n".join(pages) for pages in (row.french, row.text))
        write_rows(file, [[row.section, row.key, row.place, *shown, ""]])
    return file.getvalue()


def write_html(rows: list[SheetRow], language: str) -> str:
    """Returns the sheet as a page to print, right to left where the language is."""
    # Sentences are text to the template, never markup.
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    sections = [(name, [row for row in rows if row.section == name]) for name in _SECTIONS]
    entry = LANGUAGES[language]
    return templates.get_template("sheet.html").render(
        sections=sections, language=language, entry=entry, french=LANGUAGES[DEFAULT]
    )
