"""Checks the rights of the database role that the app works by."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from app.base.database import reading
from app.cli.checks.looking import WrongInProduction
from app.grants import DECISIONS, list_changed
from app.migrating import load_models
from app.runtime import Runtime

# A role that may become another has the other's rights, whether it inherits them or not.
_POWERS = text("""
    SELECT r.rolname AS name, r.rolname = current_user AS itself,
        concat_ws(', ', CASE WHEN r.rolsuper THEN 'is superuser' END,
            CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
            CASE WHEN r.rolcreaterole THEN 'makes roles' END,
            CASE WHEN r.rolcreatedb THEN 'makes databases' END,
            CASE WHEN r.rolreplication THEN 'replicates' END,
            CASE WHEN r.rolname IN ('pg_write_all_data', 'pg_execute_server_program',
                'pg_read_server_files', 'pg_write_server_files', 'pg_maintain')
                THEN 'is a power of the server' END,
            CASE WHEN EXISTS (SELECT FROM pg_database
                WHERE datname = current_database() AND datdba = r.oid)
                THEN 'owns the database' END,
            (SELECT 'owns ' || count(*) || ' tables, the first ' || min(relname) FROM pg_class
                WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
                    AND relowner = r.oid HAVING count(*) > 0)) AS powers
    FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
    ORDER BY itself DESC, name
""")
_CREATES = text("""
    SELECT concat_ws(', ',
        CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN 'makes tables' END,
        CASE WHEN has_database_privilege(current_database(), 'CREATE') THEN 'makes schemas' END)
""")
_RIGHTS = text("""
    SELECT c.relname AS name, has_table_privilege(c.oid, 'SELECT') AS read,
        has_any_column_privilege(c.oid, 'INSERT') AS added,
        ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0
            AND NOT attisdropped AND has_column_privilege(c.oid, attnum, 'UPDATE')) AS changed,
        has_table_privilege(c.oid, 'DELETE') AS deleted,
        has_table_privilege(c.oid, 'TRUNCATE') OR has_table_privilege(c.oid, 'TRIGGER') AS more
    FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(:names)
    ORDER BY c.relname
""")


def check_role(maalem: Runtime) -> str:
    """Returns the role's name. Raises: WrongInProduction if it may more than its grants say."""
    load_models()
    with reading(maalem.database) as connection:
        name = connection.execute(text("SELECT current_user")).scalar_one()
        powers = list(_list_powers(connection, name))
        excess, lacks = ([], []) if powers else _compare_rights(connection)
    if lacks:
        raise RuntimeError(f"role {name} may not {', '.join(lacks)}: the owner's flask db upgrade")
    if found := [*powers, *excess]:
        raise WrongInProduction("; ".join(found))
    return f"role {name} has its grants and no more"


def _list_powers(connection: Connection, name: str) -> Iterator[str]:
    for row in connection.execute(_POWERS):
        if row.powers:
            others = "" if row.itself else f"is in {row.name}: "
            yield f"role {name} {others}{row.powers}"
    if creates := connection.execute(_CREATES).scalar():
        yield f"role {name} {creates}"


def _compare_rights(connection: Connection) -> tuple[list[str], list[str]]:
    """Returns the rights that the role has beyond its decisions, and those that it lacks."""
    excess, lacks = [], []
    for row in connection.execute(_RIGHTS, {"names": list(DECISIONS)}):
        decision, changed = DECISIONS[row.name], set(row.changed)
        wanted = set(list_changed(row.name))
        if row.more or changed - wanted or (row.deleted and not decision.deleted):
            excess.append(f"it changes or empties {row.name} beyond its grants")
        if not row.read:
            lacks.append(f"read {row.name}")
        if wanted - changed or decision.added > row.added or decision.deleted > row.deleted:
            lacks.append(f"write {row.name}")
    return excess, lacks
