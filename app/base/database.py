"""The database for every room: one metadata, and the ways to open a connection."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg._preparing import PrepareManager
from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.generators import execute as fetch_results
from sqlalchemy import Connection, Dialect, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from app.base.errors import Unavailable

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# As many as a process works on at once, by all its slots (app/web/slots.py).
CONNECTIONS = 29
# As many again for the office, in a pool of its own, by the slots of its three kinds.
OFFICE_CONNECTIONS = 5
# A statement of a connection ends after so long, and so does a transaction that does nothing.
STATEMENT_MS, IDLE_TRANSACTION_MS = 1500, 600_000
# A change of tables waits so long for each, and begins anew for so long.
CHANGE_WAITS_MS, _CHANGE_PAUSE_SECONDS, _CHANGE_SECONDS = 200, 0.3, 60
# A machine that went without a word is noticed by who rests or waits for it, in some 12 s.
_KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 2}
# Of a database without an encoding texts are read too, so that its operator can be told.
_UNICODE = {"client_encoding": "utf8"}
# So long a server is asked whether it may be written to: of a second, time is left for the next.
_ASKING_SECONDS = 0.5
_T = TypeVar("_T")
_Place = tuple[str, str]
_Driver = psycopg.Connection[Any]
# Opens a connection of the kind that it is given.
OpenAs = Callable[[type[_Driver]], _Driver]
# Whoever sits at an office's page waits longer than on a phone: a slow disk is no outage.
OFFICE_STATEMENT_MS, OFFICE_WAIT_SECONDS = 4000, 5.0
AWAY = (OperationalError, InterfaceError, PoolTimeout)


# A server that was told to be a replica meanwhile: another of the address is written to by now.
READ_ONLY = "25006"
# A statement that a connection's server prepared and does not know any more, or whose columns a
# newer version changed: one that is opened anew prepares it anew.
_PREPARED_BEFORE = "26000", "0A000"
# What is known of a connection: the limit that each transaction has to set for itself.
_LIMIT = "statement_timeout_ms"
_LOOK = "SELECT pg_backend_pid(), current_setting('statement_timeout')"
_SET = """SELECT set_config('statement_timeout', %s, false), set_config('TimeZone', 'UTC', false),
    set_config('idle_in_transaction_session_timeout', %s, false)"""


class _StatementStore(PrepareManager):
    """Keeps what a connection has prepared, whatever a transaction or a part of it ended in.

    The driver would have its server forget all of it, in case a statement speaks of a table that
    is no more. The server looks for itself (`_drop_useless`).
    """

    def clear(self) -> bool:
        return False


class DatabaseConnection(_Driver):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepared = _StatementStore()


def connect(
    url: str,
    *,
    pool_size: int = CONNECTIONS,
    statement_timeout_ms: int = STATEMENT_MS,
    keeps_prepared: bool = False,
    opening: Callable[[OpenAs], _Driver] = lambda open_as: open_as(DatabaseConnection),
) -> Engine:
    """Returns an engine that waits no longer than a phone may: 2 s to connect, 1 s for the pool.

    A statement ends after `statement_timeout_ms`. A connection that its server closed while it
    rested is replaced before it is used. The address may name several hosts, as libpq writes them.
    Behind a pooler a connection keeps no settings of ours: a transaction sets its own
    limit, and statements are prepared only where the pooler keeps them. `opening` says of which
    kind connections are and where they are opened (`Deadline.open`).
    """
    engine = create_engine(
        spread_hosts(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=1,
        # An error's text must carry no names, birth dates or numbers into the log.
        hide_parameters=True,
        connect_args={"connect_timeout": 2, "tcp_user_timeout": 1500} | _UNICODE | _KEEPALIVES,
    )
    last: list[_Place] = []

    @event.listens_for(engine, "do_connect")
    def open_connection(_dialect: Dialect, _record: object, args: Any, options: Any) -> _Driver:
        """A machine that is gone costs two seconds: the host that answered last is asked first."""
        places = sorted(_list_places(options), key=lambda place: place not in last)
        return opening(partial(_open_to_one, places, args, options))

    @event.listens_for(engine, "connect")
    def set_up(driver: _Driver, record: ConnectionPoolEntry) -> None:
        last[:] = [(driver.info.host, str(driver.info.port))]
        if _set_up(driver, statement_timeout_ms):
            record.info[_LIMIT] = statement_timeout_ms
            if not keeps_prepared:
                driver.prepare_threshold = None

    @event.listens_for(engine, "checkout")
    def look_if_open(driver: _Driver, _record: object, _proxy: object) -> None:
        if _was_closed(driver):
            raise InvalidatePoolError

    event.listen(engine, "begin", _limit_transaction)
    event.listen(engine, "handle_error", _drop_useless)
    return engine


def _list_places(options: Mapping[str, Any]) -> list[_Place]:
    hosts, ports = str(options.get("host", "")).split(","), str(options.get("port")).split(",")
    return list(zip(hosts, ports, strict=True)) if len(hosts) == len(ports) else []


def _open_to_one(
    places: Sequence[_Place], args: Any, options: Mapping[str, Any], kind: type[_Driver]
) -> _Driver:
    if len(places) < 2:
        return kind.connect(*args, **options)
    if options.get("target_session_attrs") == "read-write":
        return _open_to_primary(places, options, kind)
    hosts, ports = map(",".join, zip(*places, strict=True))
    return kind.connect(**{**options, "host": hosts, "port": ports})


def _open_to_primary(
    places: Sequence[_Place], options: Mapping[str, Any], kind: type[_Driver]
) -> _Driver:
    """Connects to the first server that may be written to, by its own word.

    libpq believes what is said at the start of a connection; a pooler says there what it was told
    once, whichever server has become the primary since. Raises: psycopg.OperationalError.
    """
    refusal = psycopg.OperationalError("no server may be written to")
    for host, port in places:
        one = {**options, "host": host, "port": port, "target_session_attrs": "any"}
        try:
            driver = kind.connect(**one)
        except psycopg.OperationalError as error:
            refusal = error
            continue
        if _may_write(driver):
            return driver
        driver.close()
    raise refusal


def _may_write(driver: _Driver) -> bool:
    """Asks the server itself, and waits for it no longer than a hop can.

    One that dies meanwhile may not be written to, nor one that its pooler does not reach.
    """
    with suppress(psycopg.OperationalError):
        driver.pgconn.send_query(b"SELECT current_setting('transaction_read_only')")
        (told,) = driver.wait(fetch_results(driver.pgconn), timeout=_ASKING_SECONDS)
        return bool(told.get_value(0, 0) == b"off")
    return False


def spread_hosts(url: str) -> str:
    """Returns libpq's address as SQLAlchemy reads it, also one of several hosts."""
    rest = url.partition("://")[2]
    place, slash, path = rest.partition("/")
    secret, at, hosts = place.rpartition("@")
    if "," not in hosts:
        return f"postgresql+psycopg://{rest}"
    each = [urlsplit(f"//{host}") for host in hosts.split(",")]
    names = ",".join(host.hostname or "" for host in each)
    ports = ",".join(str(host.port or 5432) for host in each)
    mark = "&" if "?" in path else "?"
    return f"postgresql+psycopg://{secret}{at}{slash or '/'}{path}{mark}host={names}&port={ports}"


def is_pooled(connection: Connection) -> bool:
    """True if a pooler stands before the server: it gives another number than the server's own."""
    return _LIMIT in connection.connection.info


def _set_up(driver: _Driver, statement_timeout_ms: int) -> bool:
    """Sets the limits and the time zone of a connection. Returns True behind a pooler.

    There whatever is set stays with a server's connection that others get next; but of the time
    zone a pooler keeps track.
    """
    driver.autocommit = True
    try:
        row = driver.execute(_LOOK).fetchone()
        pooled = row is None or row[0] != driver.info.backend_pid
        if pooled:
            driver.execute("SET TimeZone TO 'UTC'")
        else:
            driver.execute(_SET, (str(statement_timeout_ms), str(IDLE_TRANSACTION_MS)))
    finally:
        if not driver.closed:
            driver.autocommit = False
    return pooled


def _was_closed(driver: _Driver) -> bool:
    """True if the server closed a connection while it rested. Nobody is asked.

    What it said last, and that it closed, is there to read: that is so after each restart.
    """
    waiting = select.poll()
    try:
        waiting.register(driver.fileno(), select.POLLIN)
        while waiting.poll(0):
            driver.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False


def _limit_transaction(connection: Connection) -> None:
    """Sets a transaction's own limit behind a pooler; what follows finds a lost connection."""
    info = connection.connection.info
    driver: Any = connection.connection.driver_connection
    if _LIMIT in info and not driver.autocommit:
        try:
            driver.execute(f"SET LOCAL statement_timeout = {int(info[_LIMIT])}")
        except psycopg.InternalError:
            # A pooler whose server dies says so beside the answer to BEGIN.
            driver.close()
        except psycopg.OperationalError:
            pass


def _drop_useless(context: ExceptionContext) -> None:
    """Has the pool open its connections anew, as after a restart."""
    state = getattr(context.original_exception, "sqlstate", None)
    if state in (READ_ONLY, *_PREPARED_BEFORE):
        context.is_disconnect = True


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Opens a transaction, committed at the end and rolled back on any error.

    Raises: Unavailable if the database is away.
    """
    with _telling_away(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Opens a connection for reading; each statement stands alone, without BEGIN and COMMIT.

    Raises: Unavailable if the database is away.
    """
    with _telling_away(), engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Opens one state of the database for reading, however long it takes.

    Raises: Unavailable if the database is away.
    """
    with _telling_away(), engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection


def take_time(connection: Connection, seconds: int = 0) -> None:
    """Lets each statement of this transaction take so many seconds; 0 is without a limit."""
    connection.execute(text(f"SET LOCAL statement_timeout = '{int(seconds)}s'"))


def change_tables(engine: Engine, change: Callable[[Connection], _T]) -> _T:
    """Does `change` in a transaction that waits for no table longer than phones can.

    Whoever asks for a table stands behind one who waits to change it. Raises: OperationalError.
    """

    def change_once() -> _T:
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(f"SET LOCAL lock_timeout = {CHANGE_WAITS_MS}"))
            return change(connection)

    return try_again(change_once)


def try_again(change: Callable[[], _T]) -> _T:
    """Does `change` until it had no table to wait for. Raises: OperationalError after a minute."""
    until = time.monotonic() + _CHANGE_SECONDS
    while True:
        try:
            return change()
        except OperationalError as error:
            waited = isinstance(error.orig, LockNotAvailable | DeadlockDetected)
            if not waited or time.monotonic() > until:
                raise
            time.sleep(_CHANGE_PAUSE_SECONDS)


def renew_statistics(connection: Connection, table: str) -> None:
    """Has the server look through a table that this transaction filled, as its owner alone may."""
    connection.execute(text("SELECT renew_statistics(:table)"), {"table": table})


@contextmanager
def _telling_away() -> Iterator[None]:
    """Raises the refusal where the database is away, and every other error as it is.

    `dropped` means a dead connection of the pool: a new one may work.
    """
    try:
        yield
    except SQLAlchemyError as error:
        dropped = isinstance(error, DBAPIError) and error.connection_invalidated
        if not dropped and not isinstance(error, AWAY):
            raise
        raise Unavailable(what="postgresql", dropped=dropped) from error


def name_cause(error: Unavailable) -> str:
    """Returns PostgreSQL's code for why it is away, or the kind of an error of our own."""
    cause: BaseException = error
    while isinstance(cause, Unavailable) and cause.__cause__:
        cause = cause.__cause__
    cause = getattr(cause, "orig", cause)
    return getattr(cause, "sqlstate", None) or type(cause).__name__
