"""Migrations, for commands and tests alike."""

from importlib import import_module

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, text

from app.base.database import metadata
from app.settings import ROOT

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


def newest_revision() -> str:
    """The revision the code wants."""
    return ScriptDirectory.from_config(_config()).get_current_head() or "none"


def current_revision(engine: Engine) -> str:
    """The revision the database is at, `none` for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() or "none"


def upgrade(engine: Engine) -> str:
    """Applies what is missing; gives the revision reached."""
    if current_revision(engine) == (newest := newest_revision()):
        return newest
    return _migrated(engine, "head")


def downgrade(engine: Engine, revision: str) -> str:
    """Takes back to `revision`; gives the revision reached."""
    return _migrated(engine, revision, down=True)


def _migrated(engine: Engine, revision: str, *, down: bool = False) -> str:
    config = _config()
    with engine.connect() as connection:
        # Closed afterwards, and not given to others with our lock and our patience.
        connection.detach()
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK})
        connection.commit()
        config.attributes["connection"] = connection
        move = command.downgrade if down else command.upgrade
        move(config, revision)
    return current_revision(engine)
