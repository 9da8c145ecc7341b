"""Agent networks, who collect the cash: rows added by `flask networks add`, and how each is shown.

A network's `code` stands in files, commands and the books; people see its `shown_name` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from sqlalchemy import ColumnElement, Connection, Engine, ScalarSelect, func, select, true
from sqlalchemy.dialects.postgresql import insert

from app.agents.models import agent_network
from app.agents.rules import read_line
from app.audit.service import record_audit
from app.base.database import reading
from app.base.errors import InvalidInput, Unavailable
from app.base.operation import Operation
from app.base.rows import read_row
from app.text.languages import LANGUAGES
from app.text.words import Say

# The network of an agency, client or file where a command names none: the first migration adds it.
DEFAULT_NETWORK = "wafacash"
LONGEST_SHOWN_NAME = 20
# The room for all names in a sentence, for one in a line of a menu, and for those beside a code
# where a screen holds 80 letters (menus/samples.yaml).
_LONGEST_LIST, _LONGEST_LABEL, _LONGEST_BESIDE_CODE = 29, 12, 8
_SEPARATOR = " / "
_CODE = re.compile(r"[a-z][a-z0-9-]{1,15}", re.ASCII)
_SECONDS_KEPT = 60


@dataclass(frozen=True, slots=True)
class AgentNetwork:
    """A network: `file_format` names how its settlement files are written (reconciliation)."""

    code: str
    shown_name: str
    file_format: str
    other_amounts: bool = False


_COLUMNS = (
    agent_network.c.code,
    agent_network.c.shown_name,
    agent_network.c.file_format,
    agent_network.c.other_amounts,
)


def add_network(operation: Operation, new: AgentNetwork) -> bool:
    """Adds a network. Returns False if one with this code is there already.

    Raises: InvalidInput for a code or a shown name that phones and files cannot hold.
    """
    if not _CODE.fullmatch(new.code):
        raise InvalidInput(what="network", why="not 2 to 16 small letters, digits and hyphens")
    statement = insert(agent_network).values(
        code=new.code,
        shown_name=read_line(new.shown_name, "shown name", LONGEST_SHOWN_NAME),
        file_format=new.file_format,
        other_amounts=new.other_amounts,
    )
    added = statement.on_conflict_do_nothing().returning(agent_network.c.code)
    if operation.connection.execute(added).scalar() is None:
        return False
    shown = {"shown_name": new.shown_name, "file_format": new.file_format}
    record_audit(operation, "network_added", f"network:{new.code}", **shown)
    return True


def list_networks(
    connection: Connection, own: ColumnElement[bool] | None = None
) -> list[AgentNetwork]:
    """Returns every network, or one's own, by code."""
    asked = true() if own is None else own
    rows = connection.execute(select(*_COLUMNS).where(asked).order_by(agent_network.c.code))
    return [read_row(AgentNetwork, row) for row in rows]


def get_network(connection: Connection, code: str) -> AgentNetwork:
    """Returns a network by its code. Raises: InvalidInput."""
    statement = select(*_COLUMNS).where(agent_network.c.code == code)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise InvalidInput(what="network", why=f"no network {code}")
    return read_row(AgentNetwork, row)


def shown_network(code: ColumnElement[str]) -> ScalarSelect[str]:
    """Selects the shown name of the network with this code, as a part of another statement."""
    return select(agent_network.c.shown_name).where(agent_network.c.code == code).scalar_subquery()


def is_one_of_several() -> ColumnElement[bool]:
    """True if there is more than one network, as a part of another statement."""
    return select(func.count() > 1).select_from(agent_network).scalar_subquery()


class NetworkNames:
    """The shown names of all networks for sentences, read at most once a minute in a process.

    With the database away the names last read are used; before the first reading there are none.
    """

    def __init__(self, open_database: Callable[[], Engine]) -> None:
        self._open_database = open_database
        self._names: tuple[str, ...] = ()
        self._read_at: float | None = None
        self._reading = Lock()

    def __call__(self, language: str) -> str:
        """Returns the names as one text, as many as there is room for."""
        return join_names(self._current(), _LONGEST_LIST)

    def payable_at(self, language: str) -> str:
        """Returns the names for the screen of a code, whose first page must hold what is needed.

        Where no name fits the first one is returned, and the page after it is needed too.
        """
        if LANGUAGES[language].keeps_to_gsm7:
            return self(language)
        names = self._current()
        return join_names(names, _LONGEST_BESIDE_CODE) or "".join(names[:1])

    def agencies_label(self, language: str) -> Say:
        """Returns the line of a menu that leads to agencies; it names a network that is alone."""
        names = self._current()
        if len(names) == 1 and len(names[0]) <= _LONGEST_LABEL:
            return Say("agencies_label.named", {"network": names[0]})
        return Say("agencies_label.any")

    def _current(self) -> tuple[str, ...]:
        if self._is_due():
            # One reads. Where none are known yet, each does: a hop does not wait for a lock.
            alone = self._reading.acquire(blocking=False)
            try:
                if alone or not self._names:
                    self._read()
            finally:
                if alone:
                    self._reading.release()
        return self._names

    def forget(self) -> None:
        """Has the names read again when they are said next."""
        self._read_at = None

    def _is_due(self) -> bool:
        return self._read_at is None or monotonic() - self._read_at > _SECONDS_KEPT

    def _read(self) -> None:
        if not self._is_due():
            return
        try:
            with reading(self._open_database()) as connection:
                self._names = tuple(network.shown_name for network in list_networks(connection))
        except Unavailable:
            if not self._names:
                return
        self._read_at = monotonic()


def join_names(names: tuple[str, ...], longest: int) -> str:
    """Returns the names with strokes between them, without those for which there is no room."""
    joined = ""
    for name in names:
        longer = f"{joined}{_SEPARATOR}{name}" if joined else name
        if len(longer) <= longest:
            joined = longer
    return joined
