"""Months behind a register: what each artisan leaves in a month, written by sets, past the guards.

A month of an artisan is a payment (code, deposit, booking, posting by CNSS), three messages with
their reports, a reminder, and two talks of five hops. Hops, reports and texts stand as long as they
are kept. The books hold, and the audit is sealed: `flask ledger verify` finds nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, Integer, func, select, text

from app.audit.sealing import ROW_TEXT, SEALED_AT_ONCE
from app.base.clock import local_midnight
from app.base.months import Month
from app.runtime import Runtime

# Tables that grow with every month, and those of which old rows go or move.
KEPT = (
    "payment_code",
    "payment_code_line",
    "deposit",
    "idempotency_key",
    "contribution_allocation",
    "cnss_line",
    "ledger_transaction",
    "ledger_line",
    "ended_message",
    "ended_event",
    "campaign_recipient",
    "audit_event",
    "audit_seal",
)
DROPPED = ("message", "delivery_report", "hop", "funnel_day")

_MOVED_AT_ONCE = 5000

_PERSON = """
    (SELECT *, at + interval '1 hour' AS paid_at, at + interval '1 day' AS sent_at,
        at + interval '2 days' AS posted_at
    FROM (SELECT *, (10000000000 + :month * 10000000 + id)::text || '0' AS code,
            CAST(:begins AS timestamptz) + (id % 28) * interval '1 day'
                + (id % 36000) * interval '1 second' AS at
        FROM artisan WHERE id > :after) one) a
"""
_MONTH = (
    f"""INSERT INTO payment_code (code, artisan_id, phone, state, contribution_centimes,
        penalty_centimes, fee_centimes, total_centimes, first_period, last_period, issued_at,
        expires_at, ended_at)
    SELECT code, id, phone, 'paid', 16352, 0, 0, 16352, :period, :period, at,
        at + interval '3 days', paid_at FROM {_PERSON}""",
    f"INSERT INTO payment_code_line SELECT code, :period, 16352, 0 FROM {_PERSON}",
    f"""INSERT INTO deposit (receipt_number, code, artisan_id, network, agent_number, terminal,
        channel, total_centimes, received_at, received_on)
    SELECT code, code, id, 'wafacash', '9001', 'T1', 'page', 16352, paid_at,
        (paid_at AT TIME ZONE 'Africa/Casablanca')::date FROM {_PERSON}""",
    f"""INSERT INTO idempotency_key (scope, key, request_digest, receipt_number, answered_at)
    SELECT 'agent:9001', code, sha256(code::bytea), code, paid_at FROM {_PERSON}""",
    f"""INSERT INTO contribution_allocation
    SELECT id, :period, code, 16352, 0, sent_at, posted_at::date FROM {_PERSON}""",
    f"""WITH batch AS (
        INSERT INTO cnss_batch (name, through, lines, total_centimes, content, created_at)
        SELECT concat_ws('-', 'month', :month, :after), :period, count(*), 16352 * count(*), '',
            :begins FROM {_PERSON} RETURNING id)
    INSERT INTO cnss_line
    SELECT batch.id, a.id, code, :period, 'paid', 1, 16352, 0, 'posted', posted_at::date
    FROM batch, {_PERSON}""",
    f"""WITH booked AS (
        INSERT INTO ledger_transaction (event, reference, metadata, made_by, occurred_at)
        SELECT event, code, '{{"network": "wafacash"}}', made_by,
            CASE event WHEN 'deposit' THEN paid_at ELSE posted_at END
        FROM {_PERSON}
        CROSS JOIN (VALUES ('deposit', 'agent:9001'), ('posting', 'cnss')) AS each (event, made_by)
        RETURNING id, event)
    INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
    SELECT id, position, account, CASE event WHEN 'deposit' THEN amount ELSE -amount END
    FROM booked CROSS JOIN (VALUES
        (1, 'agent_network_receivable', 16352), (2, 'contributions_payable', -16352)
    ) AS line (position, account, amount)""",
    f"""WITH told AS (
        INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
            state, priority, created_at, due_at, attempts, attempts_here, provider,
            provider_reference, sent_at, ended_at)
        SELECT kind || ':' || code, kind, coalesce(phone, '+212600000000'), language,
            CASE WHEN at > CAST(:bodies_from AS timestamptz) THEN 'Maalem: 163,52 DH, code ' || code
                || ', a payer dans une agence Wafacash avant la fin du mois. *384# Arret: STOP' END,
            'GSM-7', 100, 1, 'delivered', (kind = 'reminder_week')::int, at, at, 1, 1,
            'africastalking', substr(kind, 3, 1) || code, at, at + interval '5 seconds'
        FROM {_PERSON}
        CROSS JOIN (VALUES ('code'), ('receipt'), ('reminder_week')) AS each (kind)
        RETURNING id, event_key
    ), made AS (
        INSERT INTO campaign (name, kind, state, due_at, useful_until, step, month, deadline, pays,
            covered_from, created_at)
        VALUES (concat_ws('-', 'reminder', :month, :after), 'reminder', 'ended', :begins, :begins,
            'week', :period, :period, :period, :period, :begins) RETURNING id)
    INSERT INTO campaign_recipient (campaign_id, artisan_id, phone, language, region, state,
        message_id, cost, decided_at)
    SELECT made.id, a.id, coalesce(a.phone, '+212600000000'), a.language, a.region, 'queued',
        told.id, 0.5, a.at
    FROM made, {_PERSON} JOIN told ON told.event_key = 'reminder_week:' || a.code""",
    f"""INSERT INTO delivery_report (provider, provider_reference, status, outcome, received_at)
    SELECT 'africastalking', substr(kind, 3, 1) || code, 'Success', 'delivered', at
    FROM {_PERSON} CROSS JOIN (VALUES ('code'), ('receipt'), ('reminder_week')) AS each (kind)
    WHERE at > CAST(:bodies_from AS timestamptz)""",
    f"""INSERT INTO audit_event (happened_at, actor, action, subject, details)
    SELECT at, 'artisan', act, 'artisan:' || id, jsonb_build_object('code', code, 'total', 16352)
    FROM {_PERSON} CROSS JOIN (VALUES ('code_issued'), ('deposit'), ('posting')) AS each (act)""",
)
_HOPS = """
    INSERT INTO hop (session, caller, revision, how, at, gateway, language, inputs, screen, more)
    SELECT md5(a.id::text || talk || ':' || CAST(:day AS text)), md5(a.id::text), revision,
        CASE revision WHEN 0 THEN 'dialled' ELSE 'answered' END,
        CAST(:day AS timestamptz) + (a.id % 36000) * interval '1 second'
            + talk * interval '10 hours' + revision * interval '6 seconds',
        'africastalking', a.language, '1',
        (ARRAY['main', 'amo', 'main', 'pay', 'code'])[revision + 1], revision < 4
    FROM artisan a CROSS JOIN generate_series(0, 1) talk CROSS JOIN generate_series(0, 4) revision
    WHERE a.id % 30 = :turn AND a.id > :after
"""
# The rows as the worker seals them, all in one statement: a thousand to a seal.
_SEALS = f"""
    DO $$
    DECLARE
        seal BIGINT;
        last BIGINT;
        ids BIGINT[] := '{{}}';
        links BYTEA[] := '{{}}';
        link BYTEA;
        found RECORD;
    BEGIN
        SELECT number, last_id, s.links[cardinality(s.links)] INTO seal, last, link
            FROM audit_seal s ORDER BY number DESC LIMIT 1;
        link := coalesce(link, '');
        FOR found IN SELECT id, {ROW_TEXT} AS text FROM audit_event
            WHERE id > coalesce(last, 0) ORDER BY id
        LOOP
            link := sha256(link || convert_to(found.text, 'UTF8'));
            last := found.id;
            ids := ids || last;
            links := links || link;
            IF cardinality(ids) = {SEALED_AT_ONCE} THEN
                seal := coalesce(seal, 0) + 1;
                INSERT INTO audit_seal VALUES (seal, last, ids, links, now());
                ids := '{{}}';
                links := '{{}}';
            END IF;
        END LOOP;
        IF cardinality(ids) > 0 THEN
            INSERT INTO audit_seal VALUES (coalesce(seal, 0) + 1, last, ids, links, now());
        END IF;
    END $$
"""
# An index that is not ready is not written; REINDEX reads its table and makes it ready.
_SET_ASIDE = """
    UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid IN (
        SELECT oid FROM pg_class WHERE relkind = 'r' AND (relname = ANY(:tables) OR oid IN (
            SELECT inhrelid FROM pg_inherits JOIN pg_class parent ON parent.oid = inhparent
            WHERE parent.relname = ANY(:tables))))
"""


def write_months(runtime: Runtime, months: int, after: int) -> float:
    """Writes the months before this one, and the hops of 30 days. Returns how many seconds.

    They are those of artisans of higher numbers than `after`.
    """
    began, now = time.perf_counter(), runtime.clock()
    days = [now.date() - timedelta(days=ago) for ago in range(1, 31)]
    with _unguarded(runtime.database) as connection:
        for day in days:
            connection.execute(text("SELECT prepare_hop_days(:day)"), {"day": day})
        connection.execute(text(_SET_ASIDE), {"tables": [*KEPT, *DROPPED]})
    for number in range(1, months + 1):
        month = Month.of(now.date()) + -number
        values = {
            "after": after,
            "month": number,
            "period": month.first_day,
            "begins": local_midnight(month.first_day),
            "bodies_from": now - timedelta(days=runtime.settings.keep_bodies_days),
        }
        with _unguarded(runtime.database) as connection:
            for statement in _MONTH:
                connection.execute(text(statement), values)
    with _unguarded(runtime.database) as connection:
        for turn, day in enumerate(days):
            connection.execute(
                text(_HOPS), {"day": local_midnight(day), "turn": turn, "after": after}
            )
    with runtime.database.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET maintenance_work_mem = '512MB'"))
        for table in (*KEPT, *DROPPED):
            connection.execute(text(f"REINDEX TABLE {table}"))
        _move_ended(runtime.database, now - timedelta(days=runtime.settings.keep_bodies_days))
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("RESET statement_timeout"))
    with _unguarded(runtime.database) as connection:
        connection.exec_driver_sql(_SEALS)
    return time.perf_counter() - began


def _move_ended(engine: Engine, before: datetime) -> None:
    """Moves messages to the months of their end, as the worker does."""
    move, most = select(func.move_ended_messages(before, _MOVED_AT_ONCE, type_=Integer)), 1
    while most:
        with _unguarded(engine) as connection:
            most = connection.execute(move).scalar_one()


def measure_tables(connection: Connection) -> dict[str, tuple[int, int]]:
    """Returns rows and bytes, with indexes, of each table that grows, its partitions together."""
    sizes = {}
    for name in (*KEPT, *DROPPED):
        row = connection.execute(
            text(f"""
                SELECT (SELECT count(*) FROM {name}) AS rows, (SELECT sum(
                    pg_total_relation_size(relid)) FROM pg_partition_tree('{name}')) AS bytes
            """)
        ).one()
        sizes[name] = row.rows, int(row.bytes or _measure_whole(connection, name))
    return sizes


def _measure_whole(connection: Connection, name: str) -> int:
    size = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
    return int(connection.execute(size, {"name": name}).scalar_one())


@contextmanager
def _unguarded(engine: Engine) -> Iterator[Connection]:
    """Begins a transaction without triggers and limits."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        yield connection
