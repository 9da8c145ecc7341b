"""Reads versions of the menus, and what was made live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.publishing.models import menu_publication, menu_version


@dataclass(frozen=True, slots=True)
class MenuVersion:
    """A version that somebody gave, and how far it is; `faults` is what the check found."""

    id: int
    version: str
    given_over: str
    name: str
    given_by: str
    given_at: datetime
    state: str
    check_began_at: datetime | None
    checked_at: datetime | None
    faults: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class MenuPublication:
    """An act that made a version live; without one, the menus that came with the program.

    `number` and `version` name it. `approved_by` is None where somebody went back to it.
    """

    number: int | None
    version: str | None
    proposed_by: str
    approved_by: str | None
    reason: str | None
    published_at: datetime


_VERSION = tuple(menu_version.c[name] for name in MenuVersion.__slots__)
_PUBLICATION = (
    menu_publication.c.version_id.label("number"),
    menu_version.c.version,
    menu_publication.c.proposed_by,
    menu_publication.c.approved_by,
    menu_publication.c.reason,
    menu_publication.c.published_at,
)
_WITH_VERSION = menu_publication.outerjoin(menu_version)


def list_publications(connection: Connection, most: int) -> list[MenuPublication]:
    """Returns at most `most` acts that made a version live, the newest first."""
    newest_first = menu_publication.c.id.desc()
    statement = select(*_PUBLICATION).select_from(_WITH_VERSION).order_by(newest_first).limit(most)
    return [read_row(MenuPublication, row) for row in connection.execute(statement)]


def find_live(connection: Connection) -> int | None:
    """Returns the number of the version that is live; None for the program's own menus."""
    columns = menu_publication.c
    return connection.execute(
        select(columns.version_id).order_by(columns.id.desc()).limit(1)
    ).scalar()


def find_live_version(connection: Connection) -> str | None:
    """Returns the name of the version that is live; None for the program's own menus."""
    newest = list_publications(connection, 1)
    return newest[0].version if newest else None


def read_content(connection: Connection, number: int) -> bytes:
    """Returns the files of a version as a zip."""
    statement = select(menu_version.c.content).where(menu_version.c.id == number)
    return bytes(connection.execute(statement).scalar_one())


VERSION_SORTING = Sorting(
    {"number": menu_version.c.id, "by": menu_version.c.given_by, "state": menu_version.c.state},
    menu_version.c.id,
    "-number",
)


def list_menu_versions(connection: Connection, asked: RowsAsked) -> PageOfRows[MenuVersion]:
    """Returns the versions that are asked for."""
    statement = select(*_VERSION)
    return read_page(
        connection, statement, VERSION_SORTING, asked, lambda row: read_row(MenuVersion, row)
    )


def find_menu_version(connection: Connection, number: int) -> MenuVersion | None:
    """Returns a version; None if there is none of this number."""
    statement = select(*_VERSION).where(menu_version.c.id == number)
    row = connection.execute(statement).one_or_none()
    return read_row(MenuVersion, row) if row else None


def count_fit_versions(connection: Connection, name: str) -> int:
    """Returns how many checked versions wait for `name`, who gave none of them."""
    columns = menu_version.c
    counted = select(func.count()).where(columns.state == "fit", columns.given_by != name)
    return int(connection.execute(counted).scalar_one())
