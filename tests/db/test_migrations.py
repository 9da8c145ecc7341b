"""Migrations: one head, upgrade and downgrade, and tables equal to the models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Engine, create_engine, inspect, text

from app import create_app
from app.base.clock import local_date
from app.base.database import connect
from app.base.engine_urls import EngineUrls
from app.base.operation import operation
from app.migrating import AnotherVersion, current_revision, downgrade, load_models, upgrade
from app.reconciliation.money_rules import RULES, find_broken_rules
from app.reconciliation.repetitions import close_repetitions
from app.runtime import Runtime
from app.settings import ROOT, Settings


@pytest.fixture
def bare(own_urls: EngineUrls, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with nothing in it; a parameter says how else it is made."""
    admin = create_engine(
        own_urls.database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        own = connection.execute(text("SELECT current_database()")).scalar_one()
        name = f"{own}_bare"
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} {getattr(request, 'param', '')}"))
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


def _is_no_partition(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith(("hop_", "audit_event_", "ended_message_"))


def test_upgrade_equals_the_models_and_downgrade_leaves_nothing(bare: Engine) -> None:
    assert current_revision(bare) == "none"
    head = upgrade(bare)
    assert upgrade(bare) == head
    with bare.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_no_partition})
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


def test_no_check_calls_a_function_of_sql(bare: Engine) -> None:
    """It would be parsed again for each statement that writes a row."""
    upgrade(bare)
    called = """
        SELECT conrelid::regclass::text, conname, proname FROM pg_depend
        JOIN pg_constraint ON pg_constraint.oid = objid
            AND classid = 'pg_constraint'::regclass AND contype = 'c'
        JOIN pg_proc ON pg_proc.oid = refobjid AND refclassid = 'pg_proc'::regclass
        JOIN pg_language ON pg_language.oid = prolang
        WHERE lanname = 'sql' AND pronamespace = 'public'::regnamespace
    """
    with bare.connect() as connection:
        assert connection.execute(text(called)).all() == []


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
    with _serving(bare, own_urls) as app:
        upgrading = app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert upgrading.exit_code == 1
        another = "the database was made by another version"
        assert upgrading.output.startswith(f"Error: {another} of Maalem")
        doctor = app.test_cli_runner().invoke(args=["doctor"])
        assert doctor.exit_code == 1
        assert f"WRONG  migrations: {another}" in doctor.output


@pytest.mark.parametrize(
    "bare",
    [
        "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
        "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    ],
    ids=["SQL_ASCII", "LATIN1"],
    indirect=True,
)
def test_commands_refuse_a_database_that_cannot_hold_every_name_in_a_sentence(
    bare: Engine, own_urls: EngineUrls, request: pytest.FixtureRequest
) -> None:
    encoding, name = request.node.callspec.id, bare.url.database
    with _serving(bare, own_urls) as app:
        for words in (("upgrade",), ("downgrade", "base")):
            refused = app.test_cli_runner().invoke(args=["db", *words])
            assert (refused.exit_code, refused.output) == (
                1,
                f"Error: the encoding of the database {name} is {encoding}, names need UTF8: make"
                f" it anew with CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0\n",
            )
        doctor = app.test_cli_runner().invoke(args=["doctor"])
        assert doctor.exit_code == 1
        assert (
            f"WRONG  database: the encoding of the database {name} is {encoding}" in doctor.output
        )
    assert inspect(bare).get_table_names() == []


@contextmanager
def _serving(bare: Engine, own_urls: EngineUrls) -> Iterator[Flask]:
    """An app whose database is another than the tests'."""
    url = bare.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = Settings(
        database_url=url, redis_url=own_urls.redis_url, app_env="development", log_level="error"
    )
    runtime = Runtime(settings)
    yield create_app(runtime)
    runtime.database.dispose()
    runtime.redis.close()


def _definitions(engine: Engine) -> set[str]:
    """Every constraint and index of our tables, as PostgreSQL writes it."""
    with engine.connect() as connection:
        constraints = connection.execute(
            text(
                "SELECT conrelid::regclass || ' ' || conname || ' '"
                " || pg_get_constraintdef(pg_constraint.oid)"
                " FROM pg_constraint JOIN pg_class c ON c.oid = conrelid"
                # What may be NULL autogenerate compares; PostgreSQL 18 names it.
                " WHERE connamespace = 'public'::regnamespace AND contype NOT IN ('n', 't')"
                " AND NOT c.relispartition"
            )
        ).scalars()
        indexes = connection.execute(
            text(
                "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
                " JOIN pg_class c ON c.oid = indrelid"
                " WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
            )
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


# What a version at 0004 had: W1 told in two files, with another amount in the second; W2 charged,
# told again and charged again; W3 paid, and reversed in the second file; W4 twice in one file.
_OLD_FILES = """
    INSERT INTO settlement_file (network, name, digest, day, lines, matched_at) VALUES
        ('wafacash', 'a.csv', 'a', '2026-11-20', 5, now()),
        ('wafacash', 'b.csv', 'b', '2026-11-21', 3, now());
    INSERT INTO settlement_line (file_id, line, reference, code, amount_centimes, paid_at, status)
    VALUES
        (1, 2, 'W1', '482173059614', 60000, '2026-11-20 10:00Z', 'paid'),
        (1, 3, 'W2', '482173059622', 5500, '2026-11-20 10:01Z', 'paid'),
        (1, 4, 'W3', '482173059630', 5600, '2026-11-20 10:02Z', 'paid'),
        (1, 5, 'W4', '482173059648', 5700, '2026-11-20 10:03Z', 'paid'),
        (1, 6, 'W4', '482173059648', 5700, '2026-11-20 10:03Z', 'paid'),
        (2, 2, 'W1', '482173059614', 50000, '2026-11-20 10:00Z', 'paid'),
        (2, 3, 'W2', '482173059622', 5500, '2026-11-20 10:01Z', 'paid'),
        (2, 4, 'W3', '482173059630', 5600, '2026-11-20 10:02Z', 'reversed');
    INSERT INTO ledger_transaction (event, metadata, made_by, approved_by, occurred_at) VALUES
        ('resolution', '{"network": "wafacash"}', 'amina', 'driss', now()),
        ('resolution', '{"network": "wafacash"}', 'amina', 'driss', now());
    INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
    SELECT t, p, a, m FROM (VALUES (1, 1, 'agent_network_receivable', 5500),
        (1, 2, 'suspense', -5500), (2, 1, 'agent_network_receivable', 5500),
        (2, 2, 'suspense', -5500)) AS l (t, p, a, m);
    INSERT INTO reconciliation_break (kind, state, network, code, their_centimes, file_id, line,
        details, opened_at, method, reason, proposed_by, proposed_at, approved_by, ended_at,
        transaction_id)
    SELECT kind, state, 'wafacash', code, cents, file, line,
        jsonb_build_object('reference', reference), now(), method, method, maker, at, second,
        CASE WHEN state IN ('resolved', 'closed') THEN now() END, number
    FROM (VALUES
        ('missing_here', 'open', '482173059614', 60000, 1, 2, 'W1', NULL, NULL, NULL::timestamptz,
            NULL, NULL::bigint),
        ('missing_here', 'resolved', '482173059622', 5500, 1, 3, 'W2', 'suspense', 'amina', now(),
            'driss', 1),
        ('missing_here', 'closed', '482173059630', 5600, 1, 4, 'W3', NULL, NULL, NULL, NULL, NULL),
        ('missing_here', 'proposed', '482173059648', 5700, 1, 5, 'W4', 'suspense', 'amina', now(),
            NULL, NULL),
        ('duplicate', 'open', '482173059648', 5700, 1, 6, 'W4', NULL, NULL, NULL, NULL, NULL),
        ('duplicate', 'open', '482173059614', 50000, 2, 2, 'W1', NULL, NULL, NULL, NULL, NULL),
        ('duplicate', 'resolved', '482173059622', 5500, 2, 3, 'W2', 'suspense', 'amina', now(),
            'driss', 2)
    ) AS b (kind, state, code, cents, file, line, reference, method, maker, at, second, number)
"""


def _upgrade_to(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    with engine.connect() as connection:
        connection.detach()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_files_and_breaks_of_before_their_payments_were_known_are_taken_over(
    bare: Engine, own_urls: EngineUrls
) -> None:
    _upgrade_to(bare, "0004_birth_year")
    with bare.begin() as connection:
        connection.execute(text(_OLD_FILES.replace("10:0", r"10\:0")))
    upgrade(bare)
    with bare.connect() as connection:
        told = connection.execute(
            text(
                "SELECT p.reference, amount_centimes, status, first_file_id, first_line, p.file_id,"
                " p.line, p.break_id FROM network_payment p ORDER BY 1"
            )
        ).all()
        breaks = connection.execute(
            text("SELECT id, reference FROM reconciliation_break ORDER BY id")
        ).all()
    assert [tuple(row) for row in told] == [
        ("W1", 50000, "paid", 1, 2, 2, 2, 1),
        ("W2", 5500, "paid", 1, 3, 2, 3, 2),
        ("W3", 5600, "reversed", 1, 4, 2, 4, None),
        ("W4", 5700, "paid", 1, 5, 1, 6, 4),
    ]
    # Those that only repetition opened have none: `flask breaks close-repeated` closes them.
    named = [(1, "W1"), (2, "W2"), (3, "W3"), (4, "W4"), (5, None), (6, None), (7, None)]
    assert [tuple(row) for row in breaks] == named
    url = bare.url.set(drivername="postgresql").render_as_string(hide_password=False)
    runtime = Runtime(Settings(database_url=url, redis_url=own_urls.redis_url, log_level="error"))
    rule = "no resolution charges a network for cash that nobody disputes"
    with operation(runtime.database, runtime.clock(), "operator") as change:
        assert find_broken_rules(change.connection, {rule: RULES[rule]}) == {rule: ["7"]}
        closed = close_repetitions(change, "wafacash")
    assert (closed.closed, closed.charged) == ((5, 6), 1)
    with runtime.database.connect() as connection:
        assert find_broken_rules(connection, RULES) == {}
        waiting = connection.execute(
            text(
                "SELECT kind, reference, our_centimes, their_centimes FROM reconciliation_break"
                " WHERE state IN ('open', 'proposed') ORDER BY id"
            )
        ).all()
    assert [tuple(row) for row in waiting] == [
        ("missing_here", "W1", None, 50000),
        ("missing_here", "W4", None, 5700),
        ("not_owed", None, 5500, None),
    ]
    runtime.database.dispose()
    runtime.redis.close()


# What people of the office left at 0034.
_OFFICE_ROWS = """
    INSERT INTO artisan (rna_number, full_name, full_name_ar, birth_date, language, category,
        rights_as_of) VALUES ('100001', 'A B', 'A B', '1981-01-01', 'fr', 'A', now());
    INSERT INTO consent (phone, subject, given, language, channel, answered_by, wording,
        recorded_at) VALUES
        ('+212600000002', 'calls', true, 'fr', 'counter', 'form', '?', now()),
        ('+212600000002', 'export_news', true, 'fr', 'ussd', 'hop', '?', now());
    INSERT INTO help_request (reference, kind, topic, language, artisan_id, asked_at, changed_at)
    SELECT '1000001', 'bank', 'account', 'fr', id, now(), now() FROM artisan;
    INSERT INTO person_note (artisan_id, words, written_by, written_at, form_key)
    SELECT id, 'x', 'amina', now(), repeat('a', 32) FROM artisan;
    INSERT INTO member_call (artisan_id, called_by, called_at, outcome, form_key)
    SELECT id, 'amina', now(), 'called', repeat('a', 32) FROM artisan
"""


def test_what_the_office_left_does_not_keep_a_version_from_going_back(bare: Engine) -> None:
    _upgrade_to(bare, "0034_office_work")
    with bare.begin() as connection:
        connection.execute(text(_OFFICE_ROWS))
    upgrade(bare)
    downgrade(bare, "0034_office_work")
    with bare.connect() as connection:
        keys = "SELECT count(*) FROM person_note JOIN member_call USING (artisan_id)"
        assert connection.execute(text(keys)).scalar_one() == 1
    downgrade(bare, "0030_second_factors")
    with bare.begin() as connection:
        left = connection.execute(text("SELECT subject FROM consent")).scalars().all()
        assert left == ["export_news"]
    with pytest.raises(Exception, match="consent"), bare.begin() as connection:
        connection.execute(text("DELETE FROM consent"))
    upgrade(bare)


# Deposits of today, of yesterday and of long ago; the second of today was undone.
_OLD_DEPOSITS = """
    SET session_replication_role = replica;
    INSERT INTO deposit (receipt_number, code, artisan_id, agent_id, agency_code, network, channel,
        total_centimes, received_at)
    VALUES
        ('10000001', '482173059614', 1, 1, 'A', 'wafacash', 'page', 100, now()),
        ('10000002', '482173059622', 1, 1, 'A', 'wafacash', 'page', 200, now()),
        ('10000003', '482173059630', 1, 2, 'A', 'wafacash', 'page', 400, now()),
        ('10000004', '482173059648', 1, 1, 'A', 'wafacash', 'page', 800, now() - interval '1 day'),
        ('10000005', '482173059655', 1, 1, 'A', 'wafacash', 'page', 1600, '2026-01-01 10:00Z');
    INSERT INTO reversal (receipt_number, reversed_at, channel, reason, made_by, allowance)
    VALUES ('10000002', now(), 'page', 'mistake', 'agent:1', 'alone');
    SET session_replication_role = origin;
"""


def test_totals_of_a_day_begin_with_the_deposits_there_are(bare: Engine) -> None:
    now = datetime.now(UTC)
    _upgrade_to(bare, "0035_approvers_of_withdrawals")
    with bare.begin() as connection:
        connection.execute(text(_OLD_DEPOSITS.replace("10:0", r"10\:0")))
    upgrade(bare)
    rule = "the totals of a day are the sums of its deposits that stand"
    with bare.connect() as connection:
        totals = connection.execute(
            text("SELECT kind, key, day, total_centimes FROM day_total ORDER BY 3 DESC, 1, 2")
        ).all()
        assert find_broken_rules(connection, {rule: RULES[rule]}) == {}
    today, yesterday = local_date(now), local_date(now - timedelta(days=1))
    assert [tuple(row) for row in totals] == [
        ("agency", "A", today, 500),
        ("agent", "1", today, 100),
        ("agent", "2", today, 400),
        ("agency", "A", yesterday, 800),
        ("agent", "1", yesterday, 800),
    ]


_OLD_AUDIT = """
    INSERT INTO audit_event (happened_at, actor, action, subject, approved_by)
    SELECT now() - n * interval '40 days', 'amina', 'resolution', 'break:' || n, 'driss'
    FROM generate_series(0, 2) n;
    INSERT INTO reconciliation_break (kind, state, network, opened_at, audit_event_id)
    VALUES ('missing_here', 'open', 'wafacash', now(), 2);
    GRANT SELECT (id, actor), INSERT (actor) ON audit_event TO pg_monitor;
    GRANT DELETE ON audit_event TO pg_monitor;
    ALTER TABLE audit_event ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON audit_event FOR SELECT TO pg_monitor USING (EXISTS (
        SELECT FROM artisan WHERE 'artisan:' || artisan.id = audit_event.subject))
"""
_AUDIT_RIGHTS = """
    SELECT table_name::text, column_name::text, privilege_type::text
    FROM information_schema.column_privileges
    WHERE table_name LIKE 'audit_event%' AND grantee = 'pg_monitor'
    UNION SELECT table_name, '', privilege_type FROM information_schema.table_privileges
    WHERE table_name LIKE 'audit_event%' AND grantee = 'pg_monitor'
    UNION SELECT tablename, policyname, cmd || roles::text || qual FROM pg_policies
    WHERE tablename LIKE 'audit_event%'
    UNION SELECT relname, '', relrowsecurity::text FROM pg_class
    WHERE relname LIKE 'audit_event%' AND relrowsecurity
    ORDER BY 1, 2, 3
"""


def test_the_audit_of_before_is_the_first_month_as_it_is_and_comes_back(bare: Engine) -> None:
    _upgrade_to(bare, "0053_orders_of_tables")
    with bare.begin() as connection:
        connection.execute(text(_OLD_AUDIT))
    rows = text("SELECT * FROM audit_event ORDER BY id")
    place = text("SELECT pg_relation_filenode(:name)")

    def read(name: str) -> list[object]:
        with bare.connect() as connection:
            return [
                connection.execute(rows).all(),
                connection.execute(text(_AUDIT_RIGHTS)).all(),
                connection.execute(place, {"name": name}).scalar_one(),
            ]

    before = read("audit_event")
    _upgrade_to(bare, "0054_audit_by_month")
    # The same file, the same rows, and rights on the whole table alone.
    assert read("audit_event_first") == before
    _upgrade_to(bare, "head")
    later = """
        INSERT INTO audit_event (happened_at, actor, action, subject)
        VALUES (now() + interval '40 days', 'a', 'b', 'c') RETURNING id
    """
    with bare.begin() as connection:
        assert connection.execute(text(later)).scalar_one() == 4
    downgrade(bare, "0053_orders_of_tables")
    after = read("audit_event")
    assert [len(after[0]), after[0][:3], *after[1:]] == [4, *before]  # type: ignore[index, arg-type]
    with bare.begin() as connection:
        assert connection.execute(text(later)).scalar_one() == 5
        names = [name for name in inspect(bare).get_table_names() if "audit_event" in name]
        assert names == ["audit_event"]
    upgrade(bare)


_OLD_MESSAGES = """
    INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments, state,
        created_at, due_at, provider, provider_reference, sent_at, ended_at)
    SELECT 'code:' || n, 'code', '+212600000001', 'fr', 'x', 'GSM-7', 1, 1, 'delivered', at, at,
        'log', n::text, at, at
    FROM generate_series(1, 3) n, LATERAL (SELECT now() - n * interval '60 days' AS at) moment
"""


def test_messages_that_moved_to_their_months_come_back(bare: Engine) -> None:
    _upgrade_to(bare, "0057_lines_of_codes")
    rows = text("SELECT * FROM message ORDER BY id")
    with bare.begin() as connection:
        connection.execute(text(_OLD_MESSAGES))
        before = connection.execute(rows).mappings().all()
    _upgrade_to(bare, "0058_ended_messages")
    for _ in range(2):
        with bare.begin() as connection:
            connection.execute(text("SELECT move_ended_messages(now() - interval '90 days', 10)"))
    with bare.connect() as connection:
        assert len(connection.execute(rows).all()) == 1
    downgrade(bare, "0057_lines_of_codes")
    with bare.connect() as connection:
        after = connection.execute(rows).mappings().all()
    assert [dict(row) | {"body": "x"} for row in after] == before
    assert [row["body"] for row in after] == ["x", None, None]


_OLD_HOPS = """
    INSERT INTO hop (session, revision, how, at, gateway, language, inputs, screen, more)
    SELECT 's' || n, 0, 'dialled', now() - n * interval '1 day', 'g', 'fr', '', 'main', true
    FROM generate_series(0, 2) n
"""


def test_hops_of_before_stand_in_the_table_of_days_and_come_back(bare: Engine) -> None:
    _upgrade_to(bare, "0038_day_totals")
    with bare.begin() as connection:
        connection.execute(text(_OLD_HOPS))
        before = connection.execute(text("SELECT * FROM hop ORDER BY session")).mappings().all()
    upgrade(bare)
    with bare.connect() as connection:
        here = text(
            "SELECT count(*), count(*) FILTER (WHERE tableoid = 'hop_rest'::regclass) FROM hop"
        )
        assert connection.execute(here).one() == (3, 2)
        kept = text(
            "SELECT count(*) FROM information_schema.role_table_grants"
            " WHERE table_name LIKE 'hop%' AND grantee <> grantor AND table_name <> 'hop'"
        )
        assert connection.execute(kept).scalar_one() == 0
    downgrade(bare, "0038_day_totals")
    with bare.connect() as connection:
        after = connection.execute(text("SELECT * FROM hop ORDER BY session")).mappings().all()
        assert after == before
        assert [name for name in inspect(bare).get_table_names() if "hop" in name] == ["hop"]
    upgrade(bare)
