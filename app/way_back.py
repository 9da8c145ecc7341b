"""Says what going back over migrations loses, before it begins: migrations/losses.yaml."""

from __future__ import annotations

from dataclasses import dataclass, replace

import yaml
from sqlalchemy import Connection, text

from app.settings import ROOT

_FILE = ROOT / "migrations" / "losses.yaml"


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of going back over a migration, in words and by places.

    A place of `where` and `no_loss` is a table, a table.column, or rows of a table (`TABLE WHERE
    ...`). With rows of `stops` it cannot be done at all; `stopped` says that there are some.
    """

    revision: str
    what: str
    where: tuple[str, ...]
    no_loss: tuple[str, ...]
    stops: tuple[str, ...]
    stopped: bool = False


def read_losses() -> list[Loss]:
    """Reads what is declared, the newest migration first."""
    declared = yaml.load(_FILE.read_text("utf-8"), yaml.CSafeLoader)
    return [
        Loss(
            revision,
            told.get("what", ""),
            where=tuple(told.get("where", ())),
            no_loss=tuple(told.get("no_loss", ())),
            stops=tuple(told.get("stops", ())),
        )
        for revision, told in declared.items()
    ]


def choose_losses(connection: Connection, revisions: list[str]) -> list[Loss]:
    """Returns what going back over revisions, the newest first, loses here or is stopped by."""
    declared = {loss.revision: loss for loss in read_losses()}
    losses = []
    for loss in (declared[revision] for revision in revisions if revision in declared):
        stopped = _is_any_there(connection, loss.stops)
        if stopped or _is_any_there(connection, loss.where):
            losses.append(replace(loss, stopped=stopped))
    return losses


def _is_any_there(connection: Connection, places: tuple[str, ...]) -> bool:
    return any(connection.execute(text(write_question(each))).scalar() for each in places)


def write_question(where: str) -> str:
    """Writes the statement that asks whether anything is there."""
    table, _, column = where.partition(".")
    if " " in where or not column:
        return f"SELECT EXISTS (SELECT FROM {where})"  # noqa: S608 - a file of ours
    return f"SELECT EXISTS (SELECT FROM {table} WHERE {column} IS NOT NULL)"  # noqa: S608
