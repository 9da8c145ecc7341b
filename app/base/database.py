"""The database as every room sees it: one metadata, one way to open a connection."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, MetaData, create_engine
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

AWAY = (OperationalError, InterfaceError, PoolTimeout)


def connect(url: str, *, pool_size: int = 8, statement_timeout_ms: int = 1500) -> Engine:
    """An engine whose every wait ends in time for a phone: connecting, pooling, a statement."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=1,
        # An error's text must not carry names, birth dates or numbers into the log.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 2,
            "tcp_user_timeout": 1500,
            "options": f"-c statement_timeout={statement_timeout_ms} -c timezone=UTC",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error; away is Unavailable."""
    try:
        with engine.begin() as connection:
            yield connection
    except AWAY as error:
        raise _away(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading, each statement on its own (no BEGIN, no COMMIT to wait for)."""
    try:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    except AWAY as error:
        raise _away(error) from error


def _away(error: SQLAlchemyError) -> Unavailable:
    """`dropped`: a connection of the pool was dead; a new one may be had at once."""
    return Unavailable(
        what="postgresql", dropped=isinstance(error, DBAPIError) and error.connection_invalidated
    )
