"""The option of commands that show menus which are not live yet."""

from __future__ import annotations

from pathlib import Path

import click
from babel.messages.pofile import PoFileError

from app.runtime import MENUS, runtime
from app.ussd.menu import BrokenMenu
from app.ussd.overlay import lay_over

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
MENUS_OPTION = click.option(
    "--menus",
    "folder",
    type=FOLDER,
    help="a folder with changed words or screens, as menus/ has them; what it lacks is ours",
)


def use_menus(folder: Path | None) -> None:
    """Has this process read the menus of `folder` instead of its own, if one is given.

    Raises: ClickException if it holds no menus, or they cannot be read.
    """
    try:
        lay_menus(folder)
    except (BrokenMenu, PoFileError, ValueError) as error:
        raise click.ClickException(f"{folder}: {error}") from None


def lay_menus(folder: Path | None) -> None:
    """Does what `use_menus` does. Raises: BrokenMenu, PoFileError, ValueError."""
    if folder is not None:
        maalem = runtime()
        maalem.menus_folder = lay_over(MENUS, folder)
        maalem.load_menus(maalem.menus_folder)
