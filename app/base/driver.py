"""Statements by the driver alone, for hops: SQLAlchemy's part costs more than theirs.

The connections are SQLAlchemy's, of its pool, so that their number, options and deadline are one.
Everything that is not on a hop's way goes through app/base/database.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import psycopg
from psycopg.rows import RowFactory, RowMaker, namedtuple_row
from psycopg.sql import Literal
from psycopg.types.numeric import Int8
from sqlalchemy import ClauseElement, Connection, Engine, Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import SQLCompiler

from app.base.database import AWAY, READ_ONLY
from app.base.errors import Unavailable
from app.base.spans import are_asked_for, span

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]
_PARAMETER = re.compile(r"%\((\w+)\)s")
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)


class DriverConnection:
    """A connection on which each statement stands alone, in a transaction of its own."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def fetch(self, statement: bytes, values: Sequence[object], rows: RowFactory[Any]) -> list[Any]:
        """Returns the rows of a statement with its values in the places `$1`, `$2`, ..."""
        cursor = psycopg.RawCursor(self._connection, row_factory=rows)
        # One size of numbers: each other one would be another statement to prepare.
        sized = [Int8(value) if type(value) is int else value for value in values]
        if not are_asked_for():
            return cursor.execute(statement, sized, prepare=True).fetchall()
        with span("statement", sql=statement.decode()):
            return cursor.execute(statement, sized, prepare=True).fetchall()


AnyConnection = Connection | DriverConnection


class Prepared:
    """A statement built and written out once; it runs on connections of both kinds.

    Values are given by the names of its parameters. Rows have their columns as attributes.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._row_maker: RowMaker[Any] | None = None

    def fetch_all(self, connection: AnyConnection, **values: object) -> Sequence[Any]:
        """Returns every row."""
        if not isinstance(connection, DriverConnection):
            return connection.execute(self._statement, values).all()
        text, names = self._text_and_names
        return connection.fetch(text, [values[name] for name in names], self._make_rows)

    def fetch_one(self, connection: AnyConnection, **values: object) -> Any:
        """Returns the only row; None if there is none."""
        rows = self.fetch_all(connection, **values)
        if len(rows) > 1:
            raise RuntimeError("one row was expected")
        return rows[0] if rows else None

    def fetch_value(self, connection: AnyConnection, **values: object) -> Any:
        """Returns the first column of the only row; None if there is none."""
        row = self.fetch_one(connection, **values)
        return None if row is None else row[0]

    def _make_rows(self, cursor: psycopg.Cursor[Any]) -> RowMaker[Any]:
        """Returns what makes a row of its columns, which are always the same."""
        if self._row_maker is None:
            self._row_maker = namedtuple_row(cursor)
        return self._row_maker

    @cached_property
    def _text_and_names(self) -> tuple[bytes, tuple[str, ...]]:
        """The text with `$1` for the first parameter and so on, and the parameters' names.

        Constants stand in the text: every value sent costs as much as a small statement's rest.
        """
        assert isinstance(self._statement, ClauseElement)
        compiled = self._statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)
        names = [name for name, bind in compiled.binds.items() if bind.required]
        expanded = compiled.construct_expanded_state(dict.fromkeys(names))

        def write(match: re.Match[str]) -> str:
            name = match[1]
            if name in names:
                return f"${names.index(name) + 1}"
            return Literal(expanded.parameters[name]).as_string()

        text = _PARAMETER.sub(write, expanded.statement).replace("%%", "%")
        return text.encode(), tuple(names)


@contextmanager
def by_driver(engine: Engine) -> Iterator[DriverConnection]:
    """Opens a connection for a hop's statements, each of which is committed by itself.

    Raises: Unavailable if the database is away.
    """
    try:
        pooled = engine.raw_connection()
    except (*_AWAY, *AWAY) as error:
        raise Unavailable(what="postgresql", dropped=False) from error
    connection = pooled.driver_connection
    assert isinstance(connection, psycopg.Connection)
    try:
        connection.autocommit = True
        yield DriverConnection(connection)
    except psycopg.Error as error:
        if dropped := connection.closed or error.sqlstate == READ_ONLY:
            _forget_older(engine, pooled, error)
        elif not isinstance(error, _AWAY):
            raise
        raise Unavailable(what="postgresql", dropped=dropped) from error
    finally:
        if not connection.closed:
            connection.autocommit = False
        pooled.close()


def _forget_older(engine: Engine, pooled: PoolProxiedConnection, error: Exception) -> None:
    """Has the pool open anew what it opened before now, as SQLAlchemy does with a dead connection.

    After a restart of PostgreSQL all of them are dead, and after a failover none can be written by.
    """
    engine.pool._invalidate(pooled, error)
