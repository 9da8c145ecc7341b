"""Follows what is live: each process looks every few seconds, and shows it from then on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread

import structlog
from sqlalchemy import Engine

from app.base.database import reading
from app.base.errors import Unavailable
from app.publishing.packing import unpack_to
from app.publishing.queries import find_live, read_content
from app.ussd.checker.check import find_unknown_names
from app.ussd.engine import MenuEngine
from app.ussd.live import ShownMenus
from app.ussd.vocabulary import Services

LOOK_SECONDS = 2.0
# So long the first request of a process waits for the first look.
_FIRST_LOOK_SECONDS = 1.5
_log = structlog.get_logger("menus")


class MenuFollower:
    """Has this process show the version that is live; PostgreSQL alone says which.

    `show` gets the version's files as a zip, or None for the program's own menus.
    """

    def __init__(
        self, database: Callable[[], Engine], show: Callable[[bytes | None], None]
    ) -> None:
        self._database, self._show = database, show
        self._number: int | None = None
        self._looking, self._looked = Lock(), Event()
        self._thread: Thread | None = None

    def look(self) -> bool:
        """Shows what is live, if it changed; True then. Raises: Unavailable."""
        with self._looking:
            with reading(self._database()) as connection:
                number = find_live(connection)
                if number == self._number:
                    return False
                content = None if number is None else read_content(connection, number)
            self._show(content)
            self._number = number
        return True

    def watch(self) -> None:
        """Looks from now on in a thread of its own, for the first time before this returns."""
        with self._looking:
            if self._thread is None:
                self._thread = Thread(target=self._watch, name="menus", daemon=True)
                self._thread.start()
        self._looked.wait(_FIRST_LOOK_SECONDS)

    def _watch(self) -> None:
        pause = Event()
        while True:
            try:
                if self.look():
                    _log.info("menus_followed", number=self._number)
            except Unavailable as error:
                _log.warning("away", loop="menus", what=error.params.get("what"))
            except Exception:
                _log.exception("failed", loop="menus")
            self._looked.set()
            pause.wait(LOOK_SECONDS)


def build_shown(
    content: bytes, build: Callable[[Path], MenuEngine[Services]]
) -> ShownMenus[Services] | None:
    """Returns a published version ready to be shown; None, and a log, if the program lacks a name.

    It was checked with the program of its day.
    """
    try:
        with TemporaryDirectory(prefix="menus-") as folder:
            unpack_to(Path(folder), content)
            engine = build(Path(folder))
    except Exception:
        # Whatever it is: phones are answered in the program's own menus, and commands go on.
        _log.exception("published_menus_do_not_fit")
        return None
    if strange := next(find_unknown_names(engine.menu, engine.vocabulary), None):
        _log.error("published_menus_do_not_fit", why=str(strange))
        return None
    return ShownMenus(engine, lambda: content)
