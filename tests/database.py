"""Empties the test process's database, and puts the sample people into it as often as needed."""

from __future__ import annotations

from collections.abc import Iterable
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
# The network as it comes with the migration.
_AS_MIGRATED = """DELETE FROM agent_network WHERE code <> 'wafacash';
    UPDATE agent_network SET other_amounts = false WHERE other_amounts"""
# A busy machine may need longer than a phone may wait.
_SILENCE = "SET LOCAL statement_timeout = 0; SET LOCAL session_replication_role = replica"
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
        # A worker that runs beside the test takes no number between these rows and the restart.
        lock = "LOCK TABLE audit_event IN SHARE ROW EXCLUSIVE MODE"
        _run(connection, f"{_SILENCE}; {lock}")
        filled = _driver(connection).execute(_FILLED).fetchall()
        large = ", ".join(name for name, bytes_ in filled if bytes_ > _LARGE)
        clearing = [f"TRUNCATE {large} CASCADE"] if large else []
        clearing += [f"DELETE FROM {name}" for name, _ in filled]
        _run(connection, "; ".join((*clearing, _RESTART, _AS_MIGRATED)))


def is_empty(engine: Engine, tables: Iterable[str] = tuple(_TABLES)) -> bool:
    """True if each of the tables is empty; of all, except those that the migration fills."""
    filled = " OR ".join(f"EXISTS (SELECT FROM {name})" for name in tables)
    with engine.connect() as connection:
        return _driver(connection).execute(f"SELECT {filled}").fetchone() == (False,)


@dataclass(frozen=True)
class Snapshot:
    """The tables with rows, and what writes those rows and the last number of every sequence."""

    tables: tuple[str, ...]
    statements: str

    @classmethod
    def take(cls, engine: Engine) -> Snapshot:
        with engine.connect() as connection:
            tables = tuple(row.name for row in connection.execute(text(_FILLED)))
            numbers = {row.name: row.number for row in connection.execute(text(_NUMBERS))}
            written = [_write_inserts(connection, _TABLES[name]) for name in tables]
        known = {name: numbers[name] for name in _SEQUENCES if numbers[name]}
        written += [f"SELECT setval('{name}', {number})" for name, number in known.items()]
        return cls(tables, "; ".join((_SILENCE, *written)))

    def restore(self, engine: Engine) -> None:
        """Writes the rows into an empty database."""
        with engine.begin() as connection:
            _run(connection, self.statements)


def _run(connection: Connection, statements: str) -> None:
    """Sends several statements at once: one by one they took longer on their way than at work."""
    _driver(connection).execute(statements, prepare=False)


def _driver(connection: Connection) -> DriverConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, DriverConnection)
    return driver


def _write_inserts(connection: Connection, table: Table) -> str:
    columns = [f'"{column.name}"' for column in table.columns]
    row = ", ".join(f"quote_nullable({column}::text)" for column in columns)
    rows = f"SELECT string_agg('(' || concat_ws(',', {row}) || ')', ',') FROM {table.name}"
    values = connection.exec_driver_sql(rows).scalar_one()
    into = f"INSERT INTO {table.name} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE"
    return f"{into} VALUES {values}"


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
