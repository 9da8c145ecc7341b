"""Brings a database's tables to the code's revision, for commands and tests alike.

Alembic is read where it is used: a web process never does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from click import ClickException
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, MetaData, text
from sqlalchemy.exc import ProgrammingError

from app.backup.comparison import Digest, compute_digests
from app.base.database import (
    CHANGE_WAITS_MS,
    change_tables,
    is_pooled,
    metadata,
    snapshot,
    try_again,
)
from app.grants import give_grants
from app.reconciliation.books_checks import verify_books
from app.settings import ROOT
from app.wall import build_wall
from app.way_back import Loss, choose_losses

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

# Two commands migrating at once wait for each other on this number.
_LOCK = 0x6D61616C
_ENCODING = text(
    "SELECT quote_ident(current_database()) AS database,"
    " current_setting('server_encoding') AS encoding"
)


def load_models() -> MetaData:
    """Imports the tables of every room and returns them all."""
    for path in sorted(Path(__file__).parent.glob("*/models.py")):
        import_module(f"app.{path.parent.name}.models")
    return metadata


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return config


class AnotherVersion(ClickException):
    """The database was made by a version with other migrations; it is left as it is."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database was made by another version of Maalem (it is at {revision}) and stays"
            " as it is: set another DATA_DIR, or remove this one to begin anew; where the"
            " database is your own, make a new one and name it in DATABASE_URL"
        )


class AnotherEncoding(ClickException):
    """The database cannot hold every name; its encoding is settled when it is made."""

    def __init__(self, database: str, encoding: str) -> None:
        super().__init__(
            f"the encoding of the database {database} is {encoding}, names need UTF8: make it anew"
            f" with CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0"
        )


class NotTheOwner(ClickException):
    """The role of this address may not change the tables."""

    def __init__(self) -> None:
        super().__init__(
            "this role does not own the tables: set MIGRATIONS_DATABASE_URL to the address of the"
            " role that does"
        )


class NotDirect(ClickException):
    """The address leads to a pooler, which may change the server under a migration."""

    def __init__(self) -> None:
        super().__init__(
            "the address leads to a pooler: set MIGRATIONS_DATABASE_URL to the server itself"
        )


def newest_revision() -> str:
    """Returns the revision that the code needs."""
    return _scripts().get_current_head() or "none"


def check_encoding(connection: Connection) -> None:
    """Raises: AnotherEncoding."""
    found = connection.execute(_ENCODING).one()
    if found.encoding != "UTF8":
        raise AnotherEncoding(found.database, found.encoding)


def current_revision(engine: Engine) -> str:
    """Returns the database's revision, `none` for an empty one.

    Raises: AnotherVersion, AnotherEncoding.
    """
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        check_encoding(connection)
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return "none"
    if revision not in {script.revision for script in _scripts().walk_revisions()}:
        raise AnotherVersion(revision)
    return revision


def list_contracts(engine: Engine) -> list[str]:
    """Returns what the missing migrations take away from the version before, with their names.

    A migration says so by `CONTRACTS`, a sentence: no process of before may run any more.
    Raises: AnotherVersion, AnotherEncoding.
    """
    reached = current_revision(engine)
    missing = _scripts().iterate_revisions("head", "base" if reached == "none" else reached)
    return [
        f"{script.revision}: {script.module.CONTRACTS}"
        for script in missing
        if hasattr(script.module, "CONTRACTS")
    ]


def upgrade(engine: Engine) -> str:
    """Applies the missing migrations, and gives the roles their grants on what is new.

    Returns the revision reached. Raises: AnotherVersion, AnotherEncoding, NotTheOwner, NotDirect.
    """
    if current_revision(engine) == (newest := newest_revision()):
        return newest
    reached = _migrate(engine, "head")
    renew_grants(engine)
    return reached


def renew_grants(engine: Engine) -> str:
    """Gives the roles their grants anew. Returns a sentence for the operator."""
    load_models()
    with engine.begin() as one_at_a_time:
        one_at_a_time.execute(text("SET LOCAL statement_timeout = 0"))
        one_at_a_time.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        given = change_tables(engine, give_grants)
        if ": given" not in given:
            return given
        return f"{given}; {build_wall(engine)}"


def downgrade(engine: Engine, revision: str) -> str:
    """Takes back to `revision`. Returns it.

    Raises: AnotherVersion, AnotherEncoding, NotTheOwner, NotDirect.
    """
    current_revision(engine)
    return _migrate(engine, revision, down=True)


def find_losses(engine: Engine, revision: str) -> list[Loss]:
    """Returns what going back to `revision` would lose or be stopped by, the newest first."""
    current = current_revision(engine)
    if current == "none":
        return []
    steps = _scripts().iterate_revisions(current, revision)
    with engine.connect() as connection:
        return choose_losses(connection, [step.revision for step in steps])


@cache
def _scripts() -> ScriptDirectory:
    """Returns all migrations, which take a tenth of a second to be read."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def _migrate(engine: Engine, revision: str, *, down: bool = False) -> str:
    from alembic import command

    config = _config()
    with engine.connect() as connection:
        if is_pooled(connection):
            raise NotDirect()
        # Closed afterwards: the pool must not give it to others with our lock and no timeout.
        connection.detach()
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK})
        connection.commit()
        config.attributes["connection"] = connection
        move = command.downgrade if down else command.upgrade
        # Migrations are few and short, but who waits for a table has all who call wait behind it.
        connection.execute(text(f"SET lock_timeout = {CHANGE_WAITS_MS}"))
        connection.commit()
        try:
            try_again(lambda: move(config, revision))
        except ProgrammingError as error:
            if isinstance(error.orig, InsufficientPrivilege):
                raise NotTheOwner() from error
            raise
    return current_revision(engine)


@dataclass(frozen=True, slots=True)
class UpgradeFindings:
    """The findings of an upgrade and the way back, on a copy with data in it.

    `was_at` is the revision of the copy, `back_to` the one it was taken back to. `changed` are the
    tables whose answered rows are others than before, `broken` the rules that do not hold;
    `contracts` are the steps after which the version before runs no more. `losses` is
    what the way back loses, as it is declared.
    """

    was_at: str
    back_to: str
    newest: str
    upgrade_seconds: float
    back_seconds: float
    changed: tuple[str, ...]
    broken: tuple[str, ...]
    contracts: tuple[str, ...]
    losses: tuple[Loss, ...]

    @property
    def sound(self) -> bool:
        return not self.changed and not self.broken


def find_step_before(revision: str) -> str:
    """Returns the revision before another; `base` before the first."""
    script = _scripts().get_revision(revision)
    before = script.down_revision if script else None
    return str(before or "base")


def rehearse_upgrade(engine: Engine, back_to: str | None, now: datetime) -> UpgradeFindings:
    """Brings a copy to the newest revision, back, and to the newest again; the books must hold.

    `back_to` is None for where the copy was, or one step if it is at the newest.

    Raises: AnotherVersion, AnotherEncoding, NotTheOwner.
    """
    was_at, contracts = current_revision(engine), list_contracts(engine)
    began = time.monotonic()
    newest = upgrade(engine)
    upgrade_seconds = time.monotonic() - began
    before = _digest(engine, now)
    back = back_to or (was_at if was_at != newest else find_step_before(newest))
    losses = tuple(find_losses(engine, back))
    began = time.monotonic()
    downgrade(engine, back)
    back_seconds = time.monotonic() - began
    upgrade(engine)
    after = _digest(engine, now)
    with snapshot(engine) as connection:
        broken = tuple(verify_books(connection).broken)
    return UpgradeFindings(
        was_at=was_at,
        back_to=back,
        newest=newest,
        upgrade_seconds=round(upgrade_seconds, 2),
        back_seconds=round(back_seconds, 2),
        changed=tuple(table for table, digest in before.items() if after[table] != digest),
        broken=broken,
        contracts=tuple(contracts),
        losses=losses,
    )


def _digest(engine: Engine, now: datetime) -> dict[str, Digest]:
    with snapshot(engine) as connection:
        return compute_digests(connection, now)
