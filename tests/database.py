"""Empties the test process's database, and puts the sample people into it as often as needed."""

from __future__ import annotations

from dataclasses import dataclass
from time import sleep

from psycopg import Connection as DriverConnection
from sqlalchemy import Connection, Engine, Table, text

from app.grants import name_group_roles
from app.migrating import load_models

# The accounts and the first network come with the migration, and stay.
_KEPT = {"ledger_account", "agent_network"}
_TABLES = {name: table for name, table in load_models().tables.items() if name not in _KEPT}
_SEQUENCES = [f"{t.name}_{c.name}_seq" for t in _TABLES.values() for c in t.columns if c.identity]
# A table of more bytes is truncated; a smaller one is deleted from, which is faster.
_LARGE = 1_000_000
_FILLED = " UNION ALL ".join(
    f"SELECT '{name}' AS name, pg_relation_size('{name}') AS bytes"
    f" WHERE EXISTS (SELECT FROM {name})"
    for name in _TABLES
)
_RESTART = "SELECT " + ", ".join(f"setval('{name}', 1, false)" for name in _SEQUENCES)
_NUMBERS = "SELECT sequencename AS name, last_value AS number FROM pg_sequences"


def make_app_url(owner: Engine, url: str) -> str:
    """Makes a login of the app's role. Returns the address `url` for that login."""
    with owner.begin() as connection:
        group = name_group_roles(connection).app
        login = f"{group}_login"
        known = text("SELECT 1 FROM pg_roles WHERE rolname = :name")
        if not connection.execute(known, {"name": login}).scalar():
            connection.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {group}"))
    return url.replace("//postgres@", f"//{login}@", 1)


def empty(engine: Engine) -> None:
    """Empties every table and restarts its numbers.

    Only tables with rows are touched: truncating all of them took most of a small test's time.
    """
    with engine.begin() as connection:
        _silence_triggers(connection)
        # A worker that runs beside the test takes no number between these rows and the restart.
        connection.execute(text("LOCK TABLE audit_event IN SHARE ROW EXCLUSIVE MODE"))
        filled = connection.execute(text(_FILLED)).all()
        if large := ", ".join(row.name for row in filled if row.bytes > _LARGE):
            connection.execute(text(f"TRUNCATE {large} CASCADE"))
        for row in filled:
            connection.execute(text(f"DELETE FROM {row.name}"))
        connection.execute(text(_RESTART))
        connection.execute(text("DELETE FROM agent_network WHERE code <> 'wafacash'"))
        connection.execute(text("UPDATE agent_network SET other_amounts = false"))


def is_empty(engine: Engine) -> bool:
    """True if every table is empty, except those that the migration fills."""
    with engine.connect() as connection:
        return connection.execute(text(_FILLED)).first() is None


@dataclass(frozen=True)
class Snapshot:
    """The rows of every table, as COPY writes them, and the last number of every sequence."""

    rows: dict[str, bytes]
    numbers: dict[str, int]

    @classmethod
    def take(cls, engine: Engine) -> Snapshot:
        with engine.connect() as connection:
            filled = [row.name for row in connection.execute(text(_FILLED))]
            numbers = {row.name: row.number for row in connection.execute(text(_NUMBERS))}
            rows = {name: _copy_out(connection, _TABLES[name]) for name in filled}
        return cls(rows, {name: numbers[name] for name in _SEQUENCES if numbers[name]})

    def restore(self, engine: Engine) -> None:
        """Writes the rows into an empty database."""
        with engine.begin() as connection:
            _silence_triggers(connection)
            for name, rows in self.rows.items():
                _copy_in(connection, _TABLES[name], rows)
            for name, number in self.numbers.items():
                connection.execute(text(f"SELECT setval('{name}', {number})"))


def _silence_triggers(connection: Connection) -> None:
    # A busy machine may need longer than a phone may wait.
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL session_replication_role = replica"))


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _driver(connection: Connection) -> DriverConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, DriverConnection)
    return driver


def _copy_out(connection: Connection, table: Table) -> bytes:
    # A table in partitions is copied by a query alone.
    statement = f"COPY (SELECT {_columns(table)} FROM {table.name}) TO STDOUT"
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(part) for part in copy)


def _copy_in(connection: Connection, table: Table, rows: bytes) -> None:
    statement = f"COPY {table.name} ({_columns(table)}) FROM STDIN"
    with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def wait_for_a_lock(database: Engine) -> None:
    """Returns when somebody waits for a row that another transaction holds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(200):
        with database.connect() as connection:
            if connection.execute(waiting).scalar_one():
                return
        sleep(0.05)
    raise AssertionError("nobody waits")
