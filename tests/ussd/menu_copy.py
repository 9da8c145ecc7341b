"""A copy of the real menus, to be broken."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.base.deadline import Deadline
from app.journeys.context import vocabulary
from app.messaging.kinds import KINDS
from app.runtime import MENU_FILES, MENUS
from app.text.encoding import Limits
from app.text.languages import LANGUAGES
from app.text.words import Words
from app.ussd.checker.check import find_faults
from app.ussd.checker.declarations import Declarations, load_page_keys
from app.ussd.checker.samples import Samples
from app.ussd.engine import MenuEngine
from app.ussd.menu import load_menu

MENU = "artisan.yaml"
FRENCH, ARABIC = "locales/fr/LC_MESSAGES/menus.po", "locales/ar/LC_MESSAGES/menus.po"
SAMPLES = "samples.yaml"
# A copy has a language of each script and one more: the others are files of the same kind.
COPIED = ("fr", "ar", "ary-Latn", "zgh")
MESSAGES = {kind.key: kind for kind in KINDS.values()}
GATEWAYS = {"africastalking": Limits(160, 80), "generic": Limits(160, 80)}


class MenuCopy:
    """A copy of the real menus, to be broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "menus"
        others = shutil.ignore_patterns(*(set(LANGUAGES) - set(COPIED)))
        shutil.copytree(MENUS, self.folder, ignore=others)

    def change(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        content = path.read_text("utf-8")
        assert content.count(old) == 1, f"{old!r} stands {content.count(old)} times in {name}"
        path.write_text(content.replace(old, new), encoding="utf-8")

    def say(self, name: str, key: str, sentence: str) -> None:
        """Another sentence for `key`."""
        head = f'msgid "{key}"\nmsgstr "'
        content = (self.folder / name).read_text("utf-8")
        old = content[content.index(head) :].split("\n\n")[0].removesuffix("\n")
        self.change(name, old + "\n", f'{head}{sentence}"\n')

    def add(self, name: str, content: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(content)

    def faults(self) -> list[str]:
        engine = MenuEngine(
            load_menu(*(self.folder / name for name in MENU_FILES)),
            Words.load(self.folder / "locales"),
            vocabulary,
            Deadline(1, threads=1),
        )
        samples = Samples.load(self.folder / SAMPLES, engine.menu.says)
        pages = load_page_keys(self.folder / "pages.yaml")
        declared = Declarations(samples, MESSAGES, pages, COPIED)
        return [str(fault) for fault in find_faults(engine, declared, GATEWAYS)]
