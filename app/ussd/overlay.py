"""Lays changed words or screens over a folder of menus, so that a phone shows them unreleased."""

from __future__ import annotations

import atexit
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory

from app.ussd.menu import BrokenMenu


def lay_over(menus: Path, changed: Path) -> Path:
    """Returns a folder with the files of `changed`, and those of `menus` that it lacks.

    The folder is gone when the process ends.

    Raises: BrokenMenu if `changed` holds no part of menus.
    """
    if not [*changed.glob("*.yaml"), *changed.glob("locales/*/LC_MESSAGES/menus.po")]:
        why = "holds neither screens nor locales/LANGUAGE/LC_MESSAGES/menus.po"
        raise BrokenMenu(screen=str(changed), why=why)
    whole = TemporaryDirectory(prefix="menus-")
    atexit.register(whole.cleanup)
    copytree(menus, whole.name, dirs_exist_ok=True)
    copytree(changed, whole.name, dirs_exist_ok=True, ignore=ignore_patterns(".*"))
    return Path(whole.name)
