"""Migrations: one head, up and down, and what they make is what the models say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from app.base.database import connect
from app.embedded import EngineUrls
from app.migrating import current_revision, downgrade, load_models, upgrade
from app.settings import ROOT


@pytest.fixture
def bare(own_urls: EngineUrls) -> Iterator[Engine]:
    """A database with nothing in it."""
    admin = create_engine(
        own_urls.database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        own = connection.execute(text("SELECT current_database()")).scalar_one()
        name = f"{own}_bare"
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = connect(own_urls.database_url.replace(f"/{own}?", f"/{name}?"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_up_equals_models_and_down_leaves_nothing(bare: Engine) -> None:
    assert current_revision(bare) == "none"
    head = upgrade(bare)
    assert upgrade(bare) == head
    with bare.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, load_models()) == []
    downgrade(bare, "base")
    assert inspect(bare).get_table_names() == ["alembic_version"]
    with bare.connect() as connection:
        functions = connection.execute(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        )
        assert functions.all() == []
    assert upgrade(bare) == head


def test_checks_of_the_models_stand_in_the_database(engine: Engine) -> None:
    """Autogenerate does not compare CHECKs: every one the models name must be there."""
    wanted = {
        constraint.name
        for table in load_models().tables.values()
        for constraint in table.constraints
        if constraint.name
    }
    with engine.connect() as connection:
        found = {row[0] for row in connection.execute(text("SELECT conname FROM pg_constraint"))}
    assert {str(name) for name in wanted} - found == set()


def test_the_lock_of_a_migration_is_given_back(engine: Engine) -> None:
    """A pooled connection must not keep it, nor pass its lost timeout on."""
    upgrade(engine)
    with engine.connect() as connection:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        database = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        assert connection.execute(text(f"{held} AND {database}")).scalar() == 0
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "1500ms"
