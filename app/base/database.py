"""The database for every room: one metadata, and the ways to open a connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, MetaData, create_engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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
CONNECTIONS = 21
# As many again for the office's pages, in a pool of their own.
OFFICE_CONNECTIONS = 3
# A statement of a connection ends after so long, and so does a transaction that does nothing.
STATEMENT_MS, IDLE_TRANSACTION_MS = 1500, 600_000
AWAY = (OperationalError, InterfaceError, PoolTimeout)


def connect(
    url: str, *, pool_size: int = CONNECTIONS, statement_timeout_ms: int = STATEMENT_MS
) -> Engine:
    """Returns an engine that waits no longer than a phone may: 2 s to connect, 1 s for the pool.

    A statement ends after `statement_timeout_ms`.
    """
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=1,
        # An error's text must carry no names, birth dates or numbers into the log.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 2,
            "tcp_user_timeout": 1500,
            "options": f"-c statement_timeout={statement_timeout_ms} -c timezone=UTC"
            f" -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS}",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Opens a transaction, committed at the end and rolled back on any error.

    Raises: Unavailable if the database is away.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except AWAY as error:
        raise _unavailable(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Opens a connection for reading; each statement stands alone, without BEGIN and COMMIT.

    Raises: Unavailable if the database is away.
    """
    try:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    except AWAY as error:
        raise _unavailable(error) from error


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Opens one state of the database for reading, however long it takes.

    Raises: Unavailable if the database is away.
    """
    try:
        with engine.connect() as connection:
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection
    except AWAY as error:
        raise _unavailable(error) from error


def renew_statistics(connection: Connection, table: str) -> None:
    """Has the server look through a table that this transaction filled, as its owner alone may."""
    connection.execute(text("SELECT renew_statistics(:table)"), {"table": table})


def _unavailable(error: SQLAlchemyError) -> Unavailable:
    """Returns the refusal; `dropped` means a dead connection of the pool: a new one may work."""
    return Unavailable(
        what="postgresql", dropped=isinstance(error, DBAPIError) and error.connection_invalidated
    )
