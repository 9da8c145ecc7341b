"""The menus that a process shows to who dials now: its own, or a published version of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Generic
from zipfile import ZIP_DEFLATED, ZipFile

from app.ussd.engine import MenuEngine
from app.ussd.vocabulary import Services

# What the check and the tools read beside the menus; no phone shows anything of it.
TOOL_FILES = ("errands.yaml", "pages.yaml", "samples.yaml")


def version_of(folder: Path) -> str:
    """Returns eight letters that name the menus in a folder, structure and words."""
    digest = blake2b(digest_size=4)
    for path in list_files(folder):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def list_files(folder: Path) -> list[Path]:
    """Returns the files that make what phones show."""
    structure = (path for path in folder.glob("*.yaml") if path.name not in TOOL_FILES)
    return sorted([*structure, *folder.glob("locales/*/LC_MESSAGES/menus.po")])


def pack_folder(folder: Path) -> bytes:
    """Returns the menus of a folder as a zip."""
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED, strict_timestamps=False) as files:
        for path in list_files(folder):
            files.write(path, path.relative_to(folder))
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class ShownMenus(Generic[Services]):
    """A version of the menus, ready to be shown; `pack` returns its files as a zip."""

    engine: MenuEngine[Services]
    pack: Callable[[], bytes]


class LiveMenus(Generic[Services]):
    """The menus that dialogues begin with here; `own` came with the program, and is shown first."""

    def __init__(self, own: ShownMenus[Services]) -> None:
        self.own = self.shown = own

    @classmethod
    def in_folder(cls, engine: MenuEngine[Services], folder: Path) -> LiveMenus[Services]:
        """Returns the menus of a folder, from which their engine was made."""
        return cls(ShownMenus(engine, lambda: pack_folder(folder)))

    @property
    def engine(self) -> MenuEngine[Services]:
        """The engine of the menus that are shown."""
        return self.shown.engine
