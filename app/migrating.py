"""Brings a database's tables to the code's revision, for commands and tests alike."""

from importlib import import_module

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from click import ClickException
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, MetaData, text
from sqlalchemy.exc import ProgrammingError

from app.base.database import is_pooled, metadata
from app.grants import give_grants
from app.settings import ROOT
from app.wall import build_wall

# Two commands migrating at once wait for each other on this number.
_LOCK = 0x6D61616C


def load_models() -> MetaData:
    """Imports the tables of every room and returns them all."""
    for path in sorted((ROOT / "app").glob("*/models.py")):
        import_module(f"app.{path.parent.name}.models")
    return metadata


def _config() -> Config:
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


def current_revision(engine: Engine) -> str:
    """Returns the database's revision, `none` for an empty one. Raises: AnotherVersion."""
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        return "none"
    if revision not in {script.revision for script in _scripts().walk_revisions()}:
        raise AnotherVersion(revision)
    return revision


def upgrade(engine: Engine) -> str:
    """Applies the missing migrations, and gives the roles their grants on what is new.

    Returns the revision reached. Raises: AnotherVersion, NotTheOwner, NotDirect.
    """
    if current_revision(engine) == (newest := newest_revision()):
        return newest
    reached = _migrate(engine, "head")
    renew_grants(engine)
    return reached


def renew_grants(engine: Engine) -> str:
    """Gives the roles their grants anew. Returns a sentence for the operator."""
    load_models()
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        given = give_grants(connection)
        if ": given" not in given:
            return given
        return f"{given}; {build_wall(connection)}"


def downgrade(engine: Engine, revision: str) -> str:
    """Takes back to `revision`. Returns it. Raises: AnotherVersion, NotTheOwner, NotDirect."""
    current_revision(engine)
    return _migrate(engine, revision, down=True)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _migrate(engine: Engine, revision: str, *, down: bool = False) -> str:
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
        try:
            move(config, revision)
        except ProgrammingError as error:
            if isinstance(error.orig, InsufficientPrivilege):
                raise NotTheOwner() from error
            raise
    return current_revision(engine)
