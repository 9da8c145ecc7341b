"""Ends the connections of a running app, as a restart of PostgreSQL does."""

from __future__ import annotations

from sqlalchemy import NullPool, create_engine, text

from app.runtime import Runtime


def drop_connections(runtime: Runtime) -> None:
    """Ends every connection of the app, of phones and of the office."""
    # Those for late answers are of no test here, and would be found dead in a later one.
    runtime.patient_services.database.dispose()
    outside = create_engine(runtime.owners_database.url, poolclass=NullPool)
    with outside.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename <> current_user"
            )
        )
