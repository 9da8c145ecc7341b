"""The office's ways to the database, behind the wall: to look, to act on a row, to add one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import g, request
from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Table,
    any_,
    literal,
    select,
    text,
)
from werkzeug.exceptions import NotFound

from app.base.database import transaction
from app.base.errors import InvalidInput
from app.base.operation import Operation, operation
from app.base.paging import PageOfRows, Sorting
from app.office.forms import use_form
from app.office.scopes import own_rows
from app.office.sessions import OfficeSession, hold_office_session
from app.runtime import runtime
from app.wall import Sight, hold, may_add, stand_behind, step_out

T = TypeVar("T")


def here() -> OfficeSession:
    """Returns the session of who is signed in."""
    opened: OfficeSession = g.office
    return opened


def own(table: Table) -> ColumnElement[bool]:
    """Selects a table's rows in the scope of who is signed in; every list and look asks for it."""
    opened = here()
    return own_rows(opened.role, opened.scope, table)


@contextmanager
def look() -> Iterator[Connection]:
    """Opens a connection that sees what is this person's alone.

    Raises: Unavailable if the database is away.
    """
    with transaction(runtime().office_database) as connection:
        stand_behind(connection, sight())
        yield connection


@contextmanager
def act_on(table: Table, key: Any, column: Column[Any] | None = None) -> Iterator[Operation]:
    """Opens a change by who is signed in to a row of their scope, which the wall lets them act on.

    The row is known by its primary key, or by another `column` that is unique.

    Raises: NotFound if there is no such row for them, FormUsed, Unavailable.
    """
    with act() as change:
        stand_behind(change.connection, sight())
        if not hold(change.connection, table, key, column, own(table)):
            raise NotFound
        step_out(change.connection)
        yield change


@contextmanager
def add_to(
    table: Table, network: str | None = None, kind: str | None = None
) -> Iterator[Operation]:
    """Opens a change by who is signed in that adds to a table, which the wall lets them.

    `network` and `kind` are of the row, where the wall asks for them.

    Raises: NotFound if it does not, FormUsed, Unavailable.
    """
    with act() as change:
        with behind_wall(change) as connection:
            allowed = may_add(connection, table, network, kind)
        if not allowed:
            raise NotFound
        yield change


@contextmanager
def act() -> Iterator[Operation]:
    """Opens a change by who is signed in that concerns themselves, or the audit, alone.

    A form that has its token (office/guard.html) does its act once.

    Raises: FormUsed, Unavailable.
    """
    opened, maalem = here(), runtime()
    with operation(maalem.office_database, maalem.clock(), opened.name, opened.seat) as change:
        wait_briefly(change.connection)
        # Dismissed or signed out since the page was asked for, nobody acts.
        hold_office_session(change.connection, opened.id)
        if (token := request.form.get("once")) is not None:
            use_form(change, token)
        yield change


def wait_briefly(connection: Connection) -> None:
    """Ends a wait for a lock soon: the office has few connections, and a file's import is long."""
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))


def read_form_token() -> str:
    """Returns the token of the form that was sent, which names its act. Raises: InvalidInput."""
    if not (token := request.form.get("once", "")):
        raise InvalidInput(what="form", why="not one of our pages")
    return token


@contextmanager
def beyond_wall(connection: Connection) -> Iterator[Connection]:
    """Finds numbers of rows by indexes that the wall keeps from its readers; it shows none of them.

    Whatever is shown of these rows is read behind the wall again.
    """
    step_out(connection)
    yield connection
    stand_behind(connection, sight())


def show_seen(
    connection: Connection, table: Table, sorting: Sorting, read: Callable[[], PageOfRows[T]]
) -> PageOfRows[T]:
    """Reads a page of a long table by its indexes, and keeps the rows that the wall shows."""
    with beyond_wall(connection):
        page = read()
    seen = find_seen(connection, table, sorting.key, page.keys)
    rows = [row for key, row in zip(page.keys, page.rows, strict=True) if key in seen]
    return page.with_rows(rows)


def find_seen(
    connection: Connection, table: Table, key: ColumnElement[Any], keys: Collection[Any]
) -> set[Any]:
    """Returns those keys whose rows are one's own, and are seen through the wall."""
    named = key == any_(literal(list(keys), ARRAY(key.type)))
    return set(connection.execute(select(key).where(own(table), named)).scalars())


@contextmanager
def behind_wall(change: Operation) -> Iterator[Connection]:
    """Reads within a change what is this person's alone, such as what the change then notes."""
    stand_behind(change.connection, sight())
    yield change.connection
    step_out(change.connection)


def sight() -> Sight:
    """Returns who stands before the wall."""
    opened = here()
    scope = opened.scope
    moment = runtime().clock()
    return Sight(opened.name, opened.role, scope.region, scope.network, scope.desk, moment)
