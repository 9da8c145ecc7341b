"""Checks the rights of the database role that the app works by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, text

from app.base.database import reading
from app.checks.looking import WrongInProduction
from app.grants import list_rights
from app.migrating import load_models
from app.runtime import Runtime

_PARAMETERS_FROM, _MAINTAIN_FROM = 150000, 170000
_MOST_NAMES = 5
# Objects below 16384 are the server's own.
# A role that may become another has the other's rights, whether it inherits them or not.
_POWERS = text("""
    SELECT r.rolname AS name, r.rolname = current_user AS itself,
        concat_ws(', ', CASE WHEN r.rolsuper THEN 'is superuser' END,
            CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
            CASE WHEN r.rolcreaterole THEN 'makes roles' END,
            CASE WHEN r.rolcreatedb THEN 'makes databases' END,
            CASE WHEN r.rolreplication THEN 'replicates' END,
            CASE WHEN r.rolname LIKE 'pg\\_%' THEN 'is a power of the server' END,
            CASE WHEN EXISTS (SELECT FROM pg_database
                WHERE datname = current_database() AND datdba = r.oid)
                THEN 'owns the database' END,
            (SELECT 'owns schema ' || min(nspname) FROM pg_namespace
                WHERE nspowner = r.oid AND oid >= 16384 HAVING count(*) > 0),
            (SELECT 'owns function ' || min(proname) FROM pg_proc
                WHERE proowner = r.oid AND oid >= 16384 HAVING count(*) > 0),
            (SELECT 'owns ' || count(*) || ' tables, the first ' || min(relname) FROM pg_class
                WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
                    AND relowner = r.oid AND oid >= 16384 HAVING count(*) > 0)) AS powers
    FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
    ORDER BY itself DESC, name
""")
# What a set of roles may do, in the words of app/grants.py. Extensions keep what is theirs.
_RIGHTS = """
    WITH role AS (SELECT oid FROM pg_roles r WHERE {whose}),
    schema AS (
        SELECT oid, nspname, CASE WHEN nspname = current_schema() THEN '' ELSE nspname || '.' END
            AS before
        FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
    relation AS (
        SELECT c.oid, schema.before || relname AS name, relkind FROM pg_class c
        JOIN schema ON schema.oid = relnamespace
        WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))
    SELECT may, 'column' AS kind, relation.name || '.' || attname AS name
    FROM role, relation JOIN pg_attribute ON attrelid = relation.oid,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) may
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped
        AND has_column_privilege(role.oid, relation.oid, attnum, may)
    UNION SELECT may, 'table', relation.name FROM role, relation, unnest(ARRAY[{table}]) may
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(role.oid, relation.oid, may)
    UNION SELECT may, 'sequence', relation.name FROM role, relation,
        unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) may
    WHERE relkind = 'S' AND has_sequence_privilege(role.oid, relation.oid, may)
    UNION SELECT 'EXECUTE', 'function',
        schema.before || proname || '(' || oidvectortypes(proargtypes) || ')'
    FROM role, pg_proc p JOIN schema ON schema.oid = pronamespace
    WHERE prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        AND has_function_privilege(role.oid, p.oid, 'EXECUTE')
    UNION SELECT 'CREATE', 'schema', nspname FROM role, schema
    WHERE has_schema_privilege(role.oid, schema.oid, 'CREATE')
    UNION SELECT may, 'database', '' FROM role, unnest(ARRAY['CREATE', 'TEMPORARY']) may
    WHERE has_database_privilege(role.oid, current_database(), may)
"""
_PARAMETERS = """
    UNION SELECT may, 'parameter', parname FROM role, pg_parameter_acl,
        unnest(ARRAY['SET', 'ALTER SYSTEM']) may
    WHERE has_parameter_privilege(role.oid, parname, may)
"""
_TABLE = ("DELETE", "TRUNCATE", "TRIGGER", "REFERENCES")
_HANDED_ON = ("SELECT", "INSERT", "UPDATE", "DELETE")
_Rights = set[tuple[str, str, str]]


def check_role(maalem: Runtime) -> str:
    """Returns the role's name. Raises: WrongInProduction if it may more than its grants say."""
    load_models()
    with reading(maalem.database) as connection:
        name = connection.execute(text("SELECT current_user")).scalar_one()
        if powers := list(_list_powers(connection, name)):
            raise WrongInProduction("; ".join(powers))
        declared = set(list_rights())
        lacks = declared - _find_rights(connection, "rolname = current_user")
        reach = _find_rights(connection, "pg_has_role(current_user, r.oid, 'MEMBER')")
    if lacks:
        told = _describe(lacks)
        raise RuntimeError(f"role {name} may not {told}: the owner's flask db upgrade")
    if excess := reach - declared:
        raise WrongInProduction(f"role {name} may, beyond its grants, {_describe(excess)}")
    return f"role {name} has its grants and no more"


def _list_powers(connection: Connection, name: str) -> Iterator[str]:
    for row in connection.execute(_POWERS):
        if row.powers:
            others = "" if row.itself else f"is in {row.name}: "
            yield f"role {name} {others}{row.powers}"


def _find_rights(connection: Connection, whose: str) -> _Rights:
    """Returns privilege, kind and name of what these roles may do, as `list_rights` does."""
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    table = [*_TABLE, *(f"{privilege} WITH GRANT OPTION" for privilege in _HANDED_ON)]
    if version >= _MAINTAIN_FROM:
        table.append("MAINTAIN")
    names = ", ".join(f"'{privilege}'" for privilege in table)
    statement = _RIGHTS.format(whose=whose, table=names)
    if version >= _PARAMETERS_FROM:
        statement += _PARAMETERS
    return {(row.may, row.kind, row.name) for row in connection.execute(text(statement))}


def _describe(rights: Iterable[tuple[str, str, str]]) -> str:
    """Returns a few of them in words: a table's columns are one."""
    told: dict[tuple[str, str], list[str]] = {}
    for privilege, kind, name in sorted(rights):
        table, _, column = name.rpartition(".")
        columns = kind == "column"
        told.setdefault((privilege, table if columns else f"{kind} {name}".strip()), []).extend(
            [column] if columns else []
        )
    said = [
        f"{privilege} {name}" + (f" ({', '.join(columns[:_MOST_NAMES])})" if columns else "")
        for (privilege, name), columns in told.items()
    ]
    more = f" and {len(said) - _MOST_NAMES} more" if len(said) > _MOST_NAMES else ""
    return ", ".join(said[:_MOST_NAMES]) + more
