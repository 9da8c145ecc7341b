"""Fills the tables that the office's pages show with many rows, past their references."""

from __future__ import annotations

from sqlalchemy import Engine, text

# Rows of what grows with people, and of what grows with days, files and desks.
MANY, SOME = 10_000, 500
_MADE = f"""
    INSERT INTO artisan (rna_number, full_name, birth_date, phone, region, province, trade,
        language, category, enrolled_on, rights_until, rights_as_of)
    SELECT 'T' || n, 'N', date '1980-01-01', '+2127' || lpad(n::text, 8, '0'), 'Fès-Meknès', 'P',
        'T', 'fr', 'A', date '2024-01-01', current_date - (n % 400)::int + 30, current_date
    FROM generate_series(1, {MANY}) n;
    INSERT INTO consent (phone, subject, given, language, channel, answered_by, recorded_at)
    SELECT phone, 'calls', true, 'fr', 'counter', phone, now() FROM artisan
    WHERE rna_number LIKE 'T%';
    INSERT INTO help_request (reference, kind, topic, phone, language, artisan_id, owner, state,
        asked_at, changed_at)
    SELECT (1000000 + n)::text,
        (ARRAY['bank', 'dar', 'export', 'enrolment', 'call_back'])[1 + n % 5], 't',
         '+2126' || lpad(n::text, 8, '0'), (ARRAY['fr', 'ar', 'zgh'])[1 + n % 3],
        CASE WHEN n % 2 = 0 THEN (SELECT max(id) FROM artisan) - n END,
        CASE WHEN n % 7 = 0 THEN 'u' || n % 9 END, CASE WHEN n % 7 = 0 THEN 'taken' ELSE 'open' END,
        timestamptz '2026-11-01' + n * interval '50 seconds', now()
    FROM generate_series(1, {MANY}) n;
    INSERT INTO reconciliation_break (kind, state, network, our_centimes, opened_at, method, reason,
        proposed_by, proposed_at, approved_by, ended_at, reference)
    SELECT (ARRAY['missing_here', 'duplicate', 'posting_refused'])[1 + n % 3],
        CASE WHEN n % 2 = 0 THEN 'open' ELSE 'closed' END, 'wafacash', n % 5000,
        now() - n * interval '1 minute', null, null, null, null, null,
        CASE WHEN n % 2 = 1 THEN now() END, 'R' || n
    FROM generate_series(1, {MANY}) n;
    INSERT INTO claim (artisan_id, number, filed_on, state, amount_centimes, as_of)
    SELECT n, 'C' || n, current_date - (n % 500)::int - 1,
        (ARRAY['filed', 'in_review', 'ready', 'paid', 'refused'])[1 + n % 5],
        CASE WHEN n % 5 > 1 THEN n % 900 + 1 END, current_date - (n % 500)::int
    FROM generate_series(1, {MANY}) n;
    INSERT INTO enrolment_file (artisan_id, missing, as_of)
    SELECT n, CASE n % 3 WHEN 0 THEN ARRAY['cin'] ELSE '{{}}'::text[] END,
        current_date - (n % 90)::int
    FROM generate_series(1000000, 1000000 + {MANY}) n;
    INSERT INTO audit_event (happened_at, actor, action, subject)
    SELECT now() - n * interval '1 second', 'u' || n % 9, 'person_shown', 'artisan:' || n % 500
    FROM generate_series(1, {MANY}) n;
    WITH made AS (
        INSERT INTO ledger_transaction (event, reference, made_by, occurred_at)
        SELECT 'deposit', 'X' || n, 'agent:1', now() - n * interval '1 second'
        FROM generate_series(1, {MANY}) n RETURNING id)
    INSERT INTO ledger_line (transaction_id, position, account, amount_centimes)
    SELECT id, position, account, amount FROM made, (VALUES
        (1, 'agent_network_receivable', 100), (2, 'contributions_payable', -100))
        AS line(position, account, amount);
    INSERT INTO agency (code, network, name, town)
    SELECT 'T-' || n, 'wafacash', 'N' || n % 90, 'Town' || n % 50 FROM generate_series(1, {SOME}) n;
    INSERT INTO agent (number, agency_code, pin_hash)
    SELECT (500000 + n)::text, 'T-' || 1 + n % 250, 'x' FROM generate_series(1, {SOME}) n;
    INSERT INTO api_client (id, network, key_digest, created_at)
    SELECT 'client-' || n, 'wafacash', sha256('x'), now() FROM generate_series(1, 120) n;
    INSERT INTO cnss_batch (name, through, lines, total_centimes, content, created_at)
    SELECT 'b' || n, current_date - n, n % 40, n % 70, '', now() FROM generate_series(1, {SOME}) n;
    INSERT INTO settlement_file (network, name, digest, first_day, day, lines, matched_at)
    SELECT 'wafacash', 'f' || n % 30, 'x', current_date - n, current_date - n, 1 + n % 40, now()
    FROM generate_series(1, {SOME}) n;
    INSERT INTO uploaded_file (kind, network, name, bytes, given_by, given_at, state, ended_at)
    SELECT kind, network, 'g' || n % 30, 1, 'u' || n % 9, now(), 'taken', now()
    FROM generate_series(1, {SOME}) n,
        (VALUES ('settlement', 'wafacash'), ('cnss_answer', NULL)) AS given(kind, network);
    INSERT INTO campaign (name, kind, state, due_at, useful_until, notice, texts, proposed_by,
        created_at)
    SELECT 'notice:t:' || n, 'notice', (ARRAY['proposed', 'cancelled'])[1 + n % 2], now(),
        now() - n * interval '1 hour', 't', '{{}}'::jsonb, 'u1', now()
    FROM generate_series(1, {SOME}) n;
    INSERT INTO notice_proposal (name, until, texts, state, proposed_by, proposed_at, ended_at)
    SELECT 't', current_date, '{{"fr": ["a", "b"]}}'::jsonb, 'refused', 'u1', now(), now()
    FROM generate_series(1, {SOME}) n;
    INSERT INTO menu_version (version, given_over, name, content, digest, given_by, given_at, state)
    SELECT 'aaaaaaaa', 'bbbbbbbb', 'n', 'x', encode(sha256('x'), 'hex'), 'u' || n % 9, now(),
        'waiting'
    FROM generate_series(1, 120) n;
    INSERT INTO office_user (name, name_key, role, password_hash, created_at)
    SELECT 'user ' || n, 'user' || n, (ARRAY['analyst', 'cnss'])[1 + n % 2], 'x', now()
    FROM generate_series(1, {SOME}) n;
    INSERT INTO books_check (day, checked_at, rules, broken, unsealed, transactions)
    SELECT current_date - n, now(), 1, '{{}}'::jsonb, n % 4, 1 FROM generate_series(1, {SOME}) n;
    INSERT INTO payment_code (code, artisan_id, state, contribution_centimes, penalty_centimes,
        fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at, ended_at)
    SELECT (100000000000 + n)::text, (SELECT min(id) FROM artisan) + n % 250, 'reversed', n % 7 + 1,
        0, 0, n % 7 + 1, date '2026-01-01', date '2026-01-01', now(), now() + interval '1 h', now()
    FROM generate_series(1, {MANY}) n;
    INSERT INTO deposit (receipt_number, code, artisan_id, total_centimes, network, channel,
        received_at)
    SELECT code, code, artisan_id, total_centimes, 'wafacash', 'page', now() FROM payment_code
    WHERE code LIKE '10000%';
    INSERT INTO payment_code_line (code, period, contribution_centimes, penalty_centimes)
    SELECT code, first_period, contribution_centimes, 0 FROM payment_code WHERE code LIKE '10000%';
    INSERT INTO reversal (receipt_number, reversed_at, channel, reason, made_by, approved_by,
        allowance)
    SELECT receipt_number, received_at, 'office', 'r', 'u1', 'u2', 'breaks' FROM deposit
    WHERE code LIKE '10000%';
    INSERT INTO message (event_key, kind, phone, language, encoding, units, segments, state,
        created_at, due_at, ended_at)
    SELECT 't' || n, 'code', (SELECT phone FROM artisan ORDER BY id OFFSET n % 250 LIMIT 1), 'fr',
        'GSM-7', 1, 1, 'delivered', now(), now(), now()
    FROM generate_series(1, {MANY}) n;
    INSERT INTO person_note (artisan_id, words, written_by, written_at)
    SELECT (SELECT min(id) FROM artisan) + n % 250, 'w', 'u1', now()
    FROM generate_series(1, {MANY}) n;
"""


def fill_tables(owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        # Triggers and references would take longer than all else.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in _MADE.split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("ANALYZE"))
