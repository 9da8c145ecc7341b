"""Months behind a register: what each artisan leaves in a month, written by sets, past the guards.

A month of an artisan is a payment (code, deposit, booking), three messages with their reports, a
reminder, and two talks of five hops. Hops, reports and texts stand as long as they are kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Engine, text

from app.base.clock import local_midnight
from app.base.months import Month
from app.runtime import Runtime

# Tables that grow with every month, and those of which old rows go.
KEPT = (
    "payment_code",
    "payment_code_line",
    "deposit",
    "contribution_allocation",
    "ledger_transaction",
    "ledger_line",
    "message",
    "campaign_recipient",
    "audit_event",
)
DROPPED = ("delivery_report", "hop", "funnel_day")

_PERSON = """
    (SELECT a.*, (10000000000 + :month * 10000000 + a.id)::text || '0' AS code,
        CAST(:begins AS timestamptz) + (a.id % 28) * interval '1 day'
            + (a.id % 36000) * interval '1 second' AS at FROM artisan a WHERE a.id > :after) a
"""
_MONTH = (
    f"""INSERT INTO payment_code (code, artisan_id, phone, state, contribution_centimes,
        penalty_centimes, fee_centimes, total_centimes, first_period, last_period, issued_at,
        expires_at, ended_at)
    SELECT code, id, phone, 'paid', 16352, 0, 0, 16352, :period, :period, at,
        at + interval '3 days', at + interval '1 hour' FROM {_PERSON}""",
    f"INSERT INTO payment_code_line SELECT code, :period, 16352, 0 FROM {_PERSON}",
    f"""INSERT INTO deposit (receipt_number, code, artisan_id, network, agent_number, terminal,
        channel, total_centimes, received_at)
    SELECT code, code, id, 'wafacash', '9001', 'T1', 'page', 16352, at + interval '1 hour'
    FROM {_PERSON}""",
    f"""INSERT INTO contribution_allocation
    SELECT id, :period, code, 16352, 0, at + interval '1 day', (at + interval '2 days')::date
    FROM {_PERSON}""",
    f"""WITH booked AS (
        INSERT INTO ledger_transaction (event, reference, metadata, made_by, occurred_at)
        SELECT 'deposit', code, '{{"network": "wafacash"}}', 'agent:9001', at + interval '1 hour'
        FROM {_PERSON} RETURNING id)
    INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
    SELECT id, position, account, amount FROM booked CROSS JOIN (VALUES
        (1, 'agent_network_receivable', 16352), (2, 'contributions_payable', -16352)
    ) AS line (position, account, amount)""",
    f"""INSERT INTO message (event_key, kind, phone, language, body, encoding, units, segments,
        state, priority, created_at, due_at, attempts, attempts_here, provider, provider_reference,
        sent_at, ended_at)
    SELECT kind || ':' || code, kind, coalesce(phone, '+212600000000'), language,
        CASE WHEN at > CAST(:bodies_from AS timestamptz) THEN 'Maalem: 163,52 DH, code ' || code
            || ', a payer dans une agence Wafacash avant la fin du mois. *384# Arret: STOP' END,
        'GSM-7', 100, 1, 'delivered', (kind = 'reminder_week')::int, at, at, 1, 1,
        'africastalking', substr(kind, 3, 1) || code, at, at + interval '5 seconds'
    FROM {_PERSON} CROSS JOIN (VALUES ('code'), ('receipt'), ('reminder_week')) AS each (kind)""",
    f"""INSERT INTO delivery_report (provider, provider_reference, status, outcome, received_at)
    SELECT 'africastalking', substr(kind, 3, 1) || code, 'Success', 'delivered', at
    FROM {_PERSON} CROSS JOIN (VALUES ('code'), ('receipt'), ('reminder_week')) AS each (kind)
    WHERE at > CAST(:bodies_from AS timestamptz)""",
    f"""WITH made AS (
        INSERT INTO campaign (name, kind, state, due_at, useful_until, step, month, deadline, pays,
            covered_from, created_at)
        VALUES (concat_ws('-', 'reminder', :month, :after), 'reminder', 'ended', :begins, :begins,
            'week', :period, :period, :period, :period, :begins) RETURNING id)
    INSERT INTO campaign_recipient (campaign_id, artisan_id, phone, language, region, state,
        message_id, cost, decided_at)
    SELECT made.id, a.id, coalesce(a.phone, '+212600000000'), a.language, a.region, 'queued', m.id,
        0.5, a.at FROM made, {_PERSON}
    JOIN message m ON m.event_key = 'reminder_week:' || a.code""",
    f"""INSERT INTO audit_event (happened_at, actor, action, subject, details)
    SELECT at, 'artisan', act, 'artisan:' || id, jsonb_build_object('code', code, 'total', 16352)
    FROM {_PERSON} CROSS JOIN (VALUES ('code_issued'), ('deposit')) AS each (act)""",
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


def write_months(runtime: Runtime, months: int, after: int) -> float:
    """Writes the months before this one, and the hops of 30 days. Returns how many seconds.

    They are those of artisans of higher numbers than `after`.
    """
    began, now = time.perf_counter(), runtime.clock()
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
    days = [now.date() - timedelta(days=ago) for ago in range(1, 31)]
    for turn, day in enumerate(days):
        with _unguarded(runtime.database) as connection:
            connection.execute(text("SELECT prepare_hop_days(:day)"), {"day": day})
            connection.execute(
                text(_HOPS), {"day": local_midnight(day), "turn": turn, "after": after}
            )
    with runtime.database.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("RESET statement_timeout"))
    return time.perf_counter() - began


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
    """Begins a transaction without triggers and limits; the books of these months do not hold."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        yield connection
