"""Reads the office's users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.base.paging import PageOfRows, RowsAsked, Sorting, read_page
from app.base.rows import read_row
from app.office.models import office_user


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user as `flask office list` shows one; without the password."""

    name: str
    role: str
    region: str | None
    network: str | None
    desk: str | None
    one_time_until: datetime | None
    given_by: str | None
    given_at: datetime | None
    paused_until: datetime | None
    sample: bool
    created_at: datetime
    dismissed_at: datetime | None


_COLUMNS = tuple(office_user.c[name] for name in ListedUser.__slots__)


def list_office_users(connection: Connection) -> list[ListedUser]:
    """Lists every user, those who were dismissed too, by name."""
    rows = connection.execute(select(*_COLUMNS).order_by(office_user.c.name))
    return [read_row(ListedUser, row) for row in rows]


USER_SORTING = Sorting(
    {"name": office_user.c.name, "role": office_user.c.role, "since": office_user.c.created_at},
    office_user.c.name,
    "name",
)


def list_office_user_page(connection: Connection, asked: RowsAsked) -> PageOfRows[ListedUser]:
    """Returns the users that are asked for, those dismissed too."""
    statement = select(*_COLUMNS)
    return read_page(
        connection, statement, USER_SORTING, asked, lambda row: read_row(ListedUser, row)
    )


def find_office_user(connection: Connection, name: str) -> ListedUser | None:
    """Returns a user by the name as it is kept; None if there is none."""
    row = connection.execute(select(*_COLUMNS).where(office_user.c.name == name)).one_or_none()
    return read_row(ListedUser, row) if row else None


def has_office_users(connection: Connection) -> bool:
    """True if anybody but development's users works, or worked, at the office."""
    anybody = select(office_user.c.name).where(~office_user.c.sample).limit(1)
    return connection.execute(anybody).scalar() is not None
