"""Statements by the driver alone, for hops and tills: SQLAlchemy's part costs more than theirs.

The connections are SQLAlchemy's, of its pool, so that their number, options and deadline are one.
Where a hop has no transaction, its connection is opened here; a transaction is always opened by
app/base/database.py, and its statements go either way.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import Any

import psycopg
from psycopg.abc import PyFormat
from psycopg.abc import Transformer as Written
from psycopg.adapt import Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.generators import execute as receive
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import RowMaker
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
# Under this a connection of the pool keeps what is known of its server; each name is new.
_SERVER, _NUMBERS = "server", count()
# Makes of a result what makes its rows.
MakeRows = Callable[[PGresult], RowMaker[Any]]
# A statement as its server prepares it: the text, and the types of its values.
_Key = tuple[bytes, tuple[int, ...]]


class DriverConnection:
    """A connection to send statements on, each alone in a transaction of its own, or all in one.

    It sends them itself: by the driver's cursor they cost nearly twice as much. One is made for
    each connection of the pool, and keeps the names of what its server has prepared, by text and
    the types of values. How types are written and read is looked up once: anew for each statement
    it costs as much as to send one.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._prepared: dict[_Key, bytes] = {}
        self._types = Transformer(connection)

    def fetch(self, statement: bytes, values: Sequence[object], rows: MakeRows) -> list[Any]:
        """Returns the rows of a statement with its values in the places `$1`, `$2`, ..."""
        if not are_asked_for():
            return self._fetch(statement, values, rows)
        with span("statement", sql=statement.decode()):
            return self._fetch(statement, values, rows)

    def _fetch(self, statement: bytes, values: Sequence[object], rows: MakeRows) -> list[Any]:
        # One size of numbers: each other one would be another statement to prepare.
        sized = [Int8(value) if type(value) is int else value for value in values]
        types = self._types
        written = types.dump_sequence(sized, [PyFormat.AUTO] * len(sized))
        result = self._run(statement, written, types)
        types.set_pgresult(result)
        read = types.load_rows(0, result.ntuples, rows(result))
        types.set_pgresult(None)  # a connection that rests holds nobody's rows
        return read

    def _run(self, statement: bytes, written: Sequence[Any], types: Written) -> PGresult:
        server = self._connection.pgconn
        if self._connection.prepare_threshold is None:  # a pooler that keeps none
            server.send_query_params(statement, written, types.types, types.formats)
            return self._receive()
        key = statement, types.types or ()
        try:
            server.send_query_prepared(self._prepare(key), written, types.formats)
            return self._receive()
        except (InvalidSqlStatementName, FeatureNotSupported):
            # The server forgot all of them, or a newer version changed a column: nothing was done.
            self._prepared.clear()
            if server.transaction_status != TransactionStatus.IDLE:
                raise  # a transaction is over by that
            server.send_query_prepared(self._prepare(key), written, types.formats)
            return self._receive()

    def _prepare(self, key: _Key) -> bytes:
        if (name := self._prepared.get(key)) is None:
            name = b"hop_%d" % next(_NUMBERS)
            self._connection.pgconn.send_prepare(name, *key)
            self._receive()
            self._prepared[key] = name
        return name

    def _receive(self) -> PGresult:
        """Raises: psycopg.Error."""
        result: PGresult = self._connection.wait(receive(self._connection.pgconn))[-1]
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise error_from_result(result)
        return result


AnyConnection = Connection | DriverConnection


def _driver_of(connection: Connection) -> DriverConnection:
    """Returns what sends statements in the transaction of `connection`; the first one begins it."""
    if not connection.in_transaction():
        connection.begin()
    pooled = connection.connection
    driver = pooled.driver_connection
    assert isinstance(driver, psycopg.Connection)
    driver.wait(driver._start_query())
    return _find_driver(pooled)


def _find_driver(pooled: PoolProxiedConnection) -> DriverConnection:
    """Returns what sends statements on a connection of the pool, made when it is first used."""
    if (found := pooled.info.get(_SERVER)) is None:
        driver = pooled.driver_connection
        assert isinstance(driver, psycopg.Connection)
        found = pooled.info[_SERVER] = DriverConnection(driver)
    assert isinstance(found, DriverConnection)
    return found


class Prepared:
    """A statement built and written out once; it runs on connections of both kinds.

    Values are given by the names of its parameters. Rows have their columns as attributes.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._make_row: RowMaker[Any] | None = None

    def fetch_all(self, connection: AnyConnection, **values: object) -> Sequence[Any]:
        """Returns every row."""
        text, names = self._text_and_names
        in_order = [values[name] for name in names]
        if isinstance(connection, DriverConnection):
            return connection.fetch(text, in_order, self._make_rows)
        try:
            return _driver_of(connection).fetch(text, in_order, self._make_rows)
        except psycopg.Error as error:
            connection._handle_dbapi_exception(error, text.decode(), None, None, None)

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

    def _make_rows(self, result: PGresult) -> RowMaker[Any]:
        """Returns what makes a row of its columns, which are always the same."""
        if self._make_row is None:
            names = [(result.fname(at) or b"").decode() for at in range(result.nfields)]
            self._make_row = namedtuple("Row", names, rename=True)._make  # type: ignore[attr-defined]
        return self._make_row

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
        yield _find_driver(pooled)
    except psycopg.Error as error:
        if dropped := connection.closed or error.sqlstate == READ_ONLY:
            _forget_older(engine, pooled, error)
        elif not isinstance(error, _AWAY):
            raise
        raise Unavailable(what="postgresql", dropped=dropped) from error
    finally:
        pooled.close()


def _forget_older(engine: Engine, pooled: PoolProxiedConnection, error: Exception) -> None:
    """Has the pool open anew what it opened before now, as SQLAlchemy does with a dead connection.

    After a restart of PostgreSQL all of them are dead, and after a failover none can be written by.
    """
    engine.pool._invalidate(pooled, error)
