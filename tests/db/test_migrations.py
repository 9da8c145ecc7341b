"""Migrations: one head, upgrade and downgrade, and tables equal to the models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from app import create_app
from app.base.database import connect
from app.embedded import EngineUrls
from app.migrating import AnotherVersion, current_revision, downgrade, load_models, upgrade
from app.runtime import Runtime
from app.settings import ROOT, Settings


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


def test_migrations_have_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_upgrade_equals_the_models_and_downgrade_leaves_nothing(bare: Engine) -> None:
    assert current_revision(bare) == "none"
    head = upgrade(bare)
    assert upgrade(bare) == head
    with bare.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, load_models()) == []
    downgrade(bare, "base")
    assert inspect(bare).get_table_names() == ["alembic_version"]
    assert inspect(bare).get_sequence_names() == []
    with bare.connect() as connection:
        functions = connection.execute(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        )
        assert functions.all() == []
    assert upgrade(bare) == head


@pytest.mark.parametrize("revision", ["0001", "0017", "0002_of_tomorrow"])
def test_a_database_of_another_version_is_refused_and_untouched(
    bare: Engine, revision: str
) -> None:
    with bare.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num text PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:at)"), {"at": revision})
        connection.execute(text("CREATE TABLE kept (word text)"))
        connection.execute(text("INSERT INTO kept VALUES ('as it was')"))
    for move in (upgrade, current_revision, lambda engine: downgrade(engine, "base")):
        with pytest.raises(AnotherVersion, match=f"at {revision}.*set another DATA_DIR"):
            move(bare)
    assert sorted(inspect(bare).get_table_names()) == ["alembic_version", "kept"]
    with bare.connect() as connection:
        assert connection.execute(text("SELECT word FROM kept")).scalar_one() == "as it was"
        at = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        assert at == revision


def test_commands_refuse_a_database_of_another_version_in_a_sentence(
    bare: Engine, own_urls: EngineUrls
) -> None:
    with bare.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num text PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0017')"))
    url = bare.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = Settings(
        database_url=url, redis_url=own_urls.redis_url, app_env="development", log_level="error"
    )
    runtime = Runtime(settings)
    app = create_app(runtime)
    upgrading = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert upgrading.exit_code == 1
    assert upgrading.output.startswith("Error: the database was made by another version of Maalem")
    doctor = app.test_cli_runner().invoke(args=["doctor"])
    assert doctor.exit_code == 1
    assert "WRONG  migrations: the database was made by another version" in doctor.output
    runtime.database.dispose()
    runtime.redis.close()


def _definitions(engine: Engine) -> set[str]:
    """Every constraint and index of our tables, as PostgreSQL writes it."""
    with engine.connect() as connection:
        constraints = connection.execute(
            text(
                "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'"
            )
        ).scalars()
        indexes = connection.execute(
            text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")
        ).scalars()
        return {line for line in (*constraints, *indexes) if "alembic_version" not in line}


def test_constraints_and_indexes_equal_those_of_the_models(bare: Engine, engine: Engine) -> None:
    """Autogenerate compares neither the text of a CHECK nor the condition of an index."""
    with engine.connect() as connection, bare.begin() as its:
        reading = text("SELECT pg_get_functiondef('person_key'::regproc)")
        its.execute(text(connection.execute(reading).scalar_one().replace(":", r"\:")))
    load_models().create_all(bare)
    assert _definitions(engine) == _definitions(bare)


def test_upgrade_gives_its_lock_and_its_timeout_back(engine: Engine) -> None:
    """A pooled connection keeps neither."""
    upgrade(engine)
    with engine.connect() as connection:
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        database = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        assert connection.execute(text(f"{held} AND {database}")).scalar() == 0
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "1500ms"
