"""What a stolen login of the app can do: nothing to the guards, nor to what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.audit.checking import find_broken_seals
from app.audit.sealing import count_unsealed
from app.base.database import connect
from app.base.engine_urls import EngineUrls
from app.checks.looking import WrongInProduction
from app.checks.role import check_role
from app.grants import DECISIONS, SECRETS, list_changed, name_group_roles
from app.migrating import NotTheOwner, downgrade, load_models, renew_grants, upgrade
from app.reconciliation.cnss_rules import CNSS_RULES
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.runtime import Runtime
from app.settings import Settings
from tests.payments.conftest import PaymentFixture

FATIMA = "+212600000001"
_FORGED = (
    "INSERT INTO audit_event (id, happened_at, actor, action, subject) OVERRIDING SYSTEM VALUE"
)
_ATTACKS = {
    "switch a trigger off": "ALTER TABLE ledger_line DISABLE TRIGGER ledger_line_kept",
    "switch all triggers off": "ALTER TABLE deposit DISABLE TRIGGER ALL",
    "be a replica, for which no trigger runs": "SET session_replication_role = replica",
    "drop a trigger": "DROP TRIGGER audit_event_kept ON audit_event",
    "drop a check": "ALTER TABLE deposit DROP CONSTRAINT ck_deposit_total",
    "drop a table": "DROP TABLE audit_event CASCADE",
    "take a guard's function over": "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "free a guard's search path": "ALTER FUNCTION check_deposit() RESET search_path",
    "add a trigger": "CREATE TRIGGER mine BEFORE INSERT ON deposit"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "add a rule": "CREATE RULE mine AS ON INSERT TO audit_event DO INSTEAD NOTHING",
    "hide rows": "ALTER TABLE ledger_line ENABLE ROW LEVEL SECURITY",
    "make a table": "CREATE TABLE mine (one int)",
    "make a schema": "CREATE SCHEMA mine",
    "empty the books": "TRUNCATE ledger_line",
    "empty the audit": "TRUNCATE audit_event CASCADE",
    "change a line": "UPDATE ledger_line SET amount_centimes = 1",
    "delete a transaction": "DELETE FROM ledger_transaction",
    "change a deposit": "UPDATE deposit SET total_centimes = 1",
    "take from the total of a day": "UPDATE day_total SET total_centimes = 0",
    "forget a hop": "DELETE FROM hop",
    "look behind the days of hops": "SELECT FROM hop_rest",
    "look behind the months of the audit": "SELECT FROM audit_event_first",
    "begin the day anew": "DELETE FROM day_total",
    "count as the trigger does": "SELECT add_to_day('agent', '1', '2026-11-23', -1)",
    "change a code's amount": "UPDATE payment_code SET total_centimes = 1",
    "forget a code": "DELETE FROM payment_code",
    "seal what was changed": "UPDATE audit_seal SET links = row_ids::text[]::bytea[]",
    "forget a seal": "DELETE FROM audit_seal",
    "forget who did it": "DELETE FROM audit_event",
    "say another did it": "UPDATE audit_event SET actor = 'nobody'",
    "say it was another day": "UPDATE till_close SET day = '2026-01-01'",
    "forget what a network told": "DELETE FROM network_payment",
    "forget a file for CNSS": "DELETE FROM cnss_batch",
    "withdraw a consent": "UPDATE consent SET given = true",
    "answer anew": "DELETE FROM idempotency_key",
    "invent an account": "INSERT INTO ledger_account VALUES ('mine', 'Mine')",
    "write into the past": f"{_FORGED} VALUES (1, now(), 'a', 'b', 'c')",
    "give receipts' numbers again": "SELECT setval('receipt_serial', 1)",
    "begin the audit's numbers anew": "ALTER TABLE audit_event ALTER id RESTART",
    "renew what is not loaded": "SELECT renew_statistics('deposit')",
    "become the owner": "SET ROLE postgres",
    "make a role": "CREATE ROLE mine SUPERUSER",
    "run a program": "COPY deposit TO PROGRAM 'cat'",
    "write as another version": "UPDATE alembic_version SET version_num = 'mine'",
}


def test_every_table_has_a_decision() -> None:
    assert set(DECISIONS) == {*load_models().tables, "alembic_version"}
    for name, decision in DECISIONS.items():
        if name != "alembic_version":
            columns = set(load_models().tables[name].c.keys())
            assert set(list_changed(name)) <= columns, name
            assert set(SECRETS.get(name, ())) <= columns, name
            assert decision.added or not (decision.changed or decision.deleted), name
    assert set(SECRETS) <= set(DECISIONS)


def test_what_opens_something_is_no_reading_of_the_office() -> None:
    opens = re.compile(r"(pin|password)_hash|(code|token|key|cin|name)_digest|.*signing_key|body")
    for name, table in load_models().tables.items():
        if name not in ("api_request", "notice_text"):
            found = {column for column in table.c.keys() if opens.fullmatch(column)}  # noqa: SIM118
            assert found <= set(SECRETS.get(name, ())), name


def test_what_a_trigger_keeps_no_decision_gives_away(owner: Engine) -> None:
    """Where rows are never changed or deleted, the app's role lacks the right as well."""
    # tgtype: 8 is DELETE, 16 is UPDATE.
    kept = text("""
        SELECT tgrelid::regclass::text AS name, bool_or(tgtype & 8 > 0) AS not_deleted,
            bool_or(tgtype & 16 > 0 AND tgqual IS NULL) AS not_changed
        FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid AND NOT c.relispartition
        WHERE tgfoid = 'refuse_change'::regproc GROUP BY 1
    """)
    with owner.connect() as connection:
        rows = connection.execute(kept).all()
    assert len(rows) > 10
    for row in rows:
        assert not (row.not_deleted and DECISIONS[row.name].deleted), row.name
        assert not (row.not_changed and DECISIONS[row.name].changed), row.name


def test_a_guards_tables_are_found_by_no_search_path_of_the_writer(owner: Engine) -> None:
    free = text("""
        SELECT proname FROM pg_proc JOIN pg_language l ON l.oid = prolang
        WHERE pronamespace = 'public'::regnamespace AND lanname = 'plpgsql'
            AND NOT coalesce('search_path=public, pg_temp' = ANY(proconfig), false)
    """)
    with owner.connect() as connection:
        assert connection.execute(free).all() == []


@pytest.mark.parametrize("attack", _ATTACKS)
def test_the_apps_role_cannot(session_runtime: Runtime, attack: str) -> None:
    with session_runtime.database.connect() as connection:
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text(_ATTACKS[attack]))
        connection.rollback()
    # insufficient_privilege, and nothing that would go away with other data.
    assert refused.value.orig.sqlstate == "42501"  # type: ignore[union-attr]


def test_temporary_tables_stand_before_no_guard(payments: PaymentFixture) -> None:
    """Empty tables of the same names, which a guard would read, let no month be taken away."""
    receipt = payments.redeem(payments.issue(FATIMA).code)
    # A connection that has run a guard remembers its tables; a new one looks for them.
    payments.runtime.database.dispose()
    with pytest.raises(IntegrityError), payments.runtime.database.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE payment_code (LIKE public.payment_code)"))
        connection.execute(text("CREATE TEMP TABLE reversal (receipt_number text)"))
        connection.execute(
            text("INSERT INTO pg_temp.reversal VALUES (:receipt)"), {"receipt": receipt}
        )
        connection.execute(text("DELETE FROM contribution_allocation"))
    assert payments.read_value("SELECT count(*) FROM contribution_allocation") == 1


def test_the_office_reads_no_secret_and_writes_nothing(runtime: Runtime, owner: Engine) -> None:
    with owner.connect() as connection:
        connection.execute(text(f"SET ROLE {name_group_roles(connection).office}"))
        # What an auditor's machine runs.
        assert find_broken_rules(connection, {**RULES, **CNSS_RULES}) == {}
        assert find_broken_seals(connection) == {} and count_unsealed(connection).rows == 0
        for name, table in load_models().tables.items():
            shown = ", ".join(c.name for c in table.c if c.name not in SECRETS.get(name, ()))
            connection.execute(text(f"SELECT {shown} FROM {name} LIMIT 0"))
            for sql in (
                f"DELETE FROM {name}",
                f"INSERT INTO {name} DEFAULT VALUES",
                *(f"SELECT {secret} FROM {name}" for secret in SECRETS.get(name, ())),
            ):
                with (
                    pytest.raises(DBAPIError, match="permission denied"),
                    connection.begin_nested(),
                ):
                    connection.execute(text(sql))


def test_doctor_names_what_a_role_may_do_too_much(
    session_runtime: Runtime, own_urls: EngineUrls, owner: Engine
) -> None:
    assert "has its grants and no more" in check_role(session_runtime)
    group, login = _group(owner), f"{_group(owner)}_login"
    lent = f"{login}_lent"
    _run(owner, f"DROP ROLE IF EXISTS {lent}; CREATE ROLE {lent}; CREATE SCHEMA other")
    _run(owner, "CREATE TABLE other.kept (one int); CREATE SEQUENCE mine")
    _run(owner, "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    _run(owner, "REVOKE ALL ON FUNCTION mine() FROM PUBLIC")
    excesses = (
        (f"GRANT {may} TO {to}", f"REVOKE {may} FROM {to}", said)
        for may, to, said in (
            ("UPDATE (actor) ON audit_event", "{to}", r"UPDATE audit_event \(actor\)"),
            ("INSERT ON ledger_account", "{to}", r"INSERT ledger_account \(code, name\)"),
            ("INSERT (id) ON audit_event", "{to}", r"INSERT audit_event \(id\)"),
            ("DELETE ON deposit", "{to}", "DELETE table deposit"),
            ("TRUNCATE ON hop", "{to}", "TRUNCATE table hop"),
            ("TRIGGER ON hop", "{to}", "TRIGGER table hop"),
            ("UPDATE ON SEQUENCE receipt_serial", "{to}", "UPDATE sequence receipt_serial"),
            ("USAGE ON SEQUENCE audit_event_id_seq", "{to}", "USAGE sequence audit_event_id_seq"),
            ("SELECT ON SEQUENCE mine", "PUBLIC", "SELECT sequence mine"),
            ("EXECUTE ON FUNCTION mine()", "{to}", r"EXECUTE function mine\(\)"),
            ("INSERT ON other.kept", "{to}", r"INSERT other.kept \(one\)"),
            ("CREATE ON SCHEMA public", "{to}", "CREATE schema public"),
            (f"CREATE ON DATABASE {owner.url.database}", "{to}", "CREATE database"),
            ("pg_read_server_files", login, "pg_read_server_files: is a power of the server"),
        )
        for to in ([group, lent] if to == "{to}" else [to])
    )
    excesses = (
        *excesses,
        (
            f"GRANT SELECT ON hop TO {group} WITH GRANT OPTION",
            f"REVOKE GRANT OPTION FOR SELECT ON hop FROM {group}",
            "SELECT WITH GRANT OPTION table hop",
        ),
        *(
            (f"ALTER ROLE {login} {word}", f"ALTER ROLE {login} NO{word}", said)
            for word, said in (
                ("CREATEROLE", "makes roles"),
                ("CREATEDB", "makes databases"),
                ("REPLICATION", "replicates"),
                ("BYPASSRLS", "bypasses row security"),
                ("SUPERUSER", "is superuser"),
            )
        ),
        (
            f"ALTER ROLE {login} NOINHERIT; GRANT postgres TO {login}",
            f"ALTER ROLE {login} INHERIT; REVOKE postgres FROM {login}",
            "is in postgres: is superuser",
        ),
        (f"ALTER TABLE hop OWNER TO {group}", "ALTER TABLE hop OWNER TO postgres", "the first hop"),
        (f"ALTER SEQUENCE mine OWNER TO {lent}", "ALTER SEQUENCE mine OWNER TO postgres", "mine"),
        (f"ALTER FUNCTION mine OWNER TO {lent}", "ALTER FUNCTION mine OWNER TO postgres", "mine"),
    )
    # What is lent is not inherited: SET ROLE takes it.
    with owner.connect() as connection:
        version = connection.execute(text("SHOW server_version_num")).scalar_one()
    apart = " WITH INHERIT FALSE" if int(version) >= 160000 else ""
    _run(owner, f"GRANT {lent} TO {login}{apart}")
    for given, taken, said in excesses:
        _run(owner, given)
        try:
            with pytest.raises(WrongInProduction, match=said):
                check_role(session_runtime)
        finally:
            _run(owner, taken)
    _run(owner, "DROP SCHEMA other CASCADE; DROP SEQUENCE mine; DROP FUNCTION mine")
    _run(owner, f"DROP OWNED BY {lent}; DROP ROLE {lent}")
    renew_grants(owner)
    assert "has its grants and no more" in check_role(session_runtime)
    by_owner = Runtime(Settings(database_url=own_urls.database_url))
    with pytest.raises(WrongInProduction, match=r"postgres is superuser, .* owns .* tables"):
        check_role(by_owner)
    by_owner.database.dispose()


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("DELETE ON payer_look_up", "DELETE table payer_look_up"),
        ("SELECT ON audit_event", r"SELECT audit_event \("),
        ("UPDATE ON agent", r"UPDATE agent \("),
        ("USAGE ON SEQUENCE receipt_serial", "USAGE sequence receipt_serial"),
        ("EXECUTE ON FUNCTION person_key(text)", r"EXECUTE function person_key\(text\)"),
        ("TEMPORARY ON DATABASE {database}", "TEMPORARY database"),
    ],
)
def test_doctor_names_the_grant_that_a_role_lacks(
    session_runtime: Runtime, owner: Engine, lacking: str, said: str
) -> None:
    what = lacking.format(database=owner.url.database)
    _run(owner, f"REVOKE {what} FROM {_group(owner)}, PUBLIC")
    with pytest.raises(RuntimeError, match=f"may not {said}.*: the owner's flask db upgrade"):
        check_role(session_runtime)
    assert "given to" in renew_grants(owner)
    assert "has its grants and no more" in check_role(session_runtime)


def test_grants_take_back_sequences_and_functions_that_were_given(
    session_runtime: Runtime, owner: Engine
) -> None:
    group = _group(owner)
    _run(owner, f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {group}, PUBLIC")
    _run(owner, "GRANT EXECUTE ON FUNCTION renew_statistics(text) TO PUBLIC")
    with pytest.raises(WrongInProduction, match="sequence"):
        check_role(session_runtime)
    renew_grants(owner)
    assert "has its grants and no more" in check_role(session_runtime)
    with owner.connect() as connection:
        office = text("SELECT has_function_privilege(:o, 'renew_statistics(text)', 'EXECUTE')")
        named = {"o": name_group_roles(connection).office}
        assert connection.execute(office, named).scalar() is False


@pytest.fixture
def managed(own_urls: EngineUrls, owner: Engine) -> Iterator[Engine]:
    """An empty database of a login that is no superuser, as managed PostgreSQL gives."""
    admin = create_engine(
        own_urls.database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        isolation_level="AUTOCOMMIT",
    )
    own = owner.url.database
    name = f"{own}_managed"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"DROP ROLE IF EXISTS {name}_app, {name}_office, {name}"))
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"CREATE DATABASE {name} OWNER {name}"))
    url = own_urls.database_url.replace("//postgres@", f"//{name}@", 1)
    engine = connect(url.replace(f"/{own}?", f"/{name}?"))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        connection.execute(text(f"DROP ROLE IF EXISTS {name}_app, {name}_office, {name}"))
    admin.dispose()


def test_an_owner_who_is_no_superuser_migrates_and_gives_the_grants(
    managed: Engine, owner: Engine
) -> None:
    upgrade(managed)
    name = managed.url.database
    told = renew_grants(managed)
    assert told.startswith("grants: not given") and f'CREATE ROLE "{name}_app" NOLOGIN' in told
    _run(owner, f"ALTER ROLE {name} CREATEROLE")
    assert renew_grants(managed) == (
        f"grants: given to {name}_app, {name}_office, {name}_desk;"
        f" wall: {name}_app stands behind it as {name}_desk"
    )
    with managed.connect() as connection:
        allowed = text("SELECT has_table_privilege(:role, 'audit_event', 'UPDATE, DELETE')")
        assert connection.execute(allowed, {"role": f"{name}_app"}).scalar() is False
        assert connection.execute(text("SELECT renew_statistics('settlement_line')")).all()


def test_db_upgrade_works_by_the_owner_and_the_app_by_its_own_role(
    session_runtime: Runtime, app: Flask
) -> None:
    """`runtime.database` owns nothing; `flask db` has MIGRATIONS_DATABASE_URL."""
    told = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert told.exit_code == 0 and "grants: given to" in told.output
    assert renew_grants(session_runtime.database).startswith("grants: unchanged")
    with pytest.raises(NotTheOwner, match="set MIGRATIONS_DATABASE_URL"):
        downgrade(session_runtime.database, "base")


def _group(owner: Engine) -> str:
    with owner.connect() as connection:
        return name_group_roles(connection).app


def _run(owner: Engine, sql: str) -> None:
    with owner.begin() as connection:
        connection.execute(text(sql))
