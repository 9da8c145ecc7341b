"""The cash of a day is a running total, which each deposit changes itself.

A limit of a day locked one row and summed the whole day: all deposits of a network's system stood
in one queue. Totals begin with those of yesterday: earlier limits are over.
"""

from datetime import UTC, datetime, timedelta

from alembic import op

from app.base.clock import local_date, local_midnight

revision = "0038_day_totals"
down_revision = "0037_forms_act_once"
branch_labels = None
depends_on = None

_TABLE = """
    CREATE TABLE day_total (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        day DATE NOT NULL,
        part SMALLINT NOT NULL,
        total_centimes BIGINT NOT NULL,
        limit_centimes BIGINT,
        share_centimes BIGINT,
        CONSTRAINT pk_day_total PRIMARY KEY (kind, key, day, part),
        CONSTRAINT ck_day_total_kind CHECK (kind IN ('agent', 'agency', 'client')),
        CONSTRAINT ck_day_total_share
            CHECK ((limit_centimes IS NULL) = (share_centimes IS NULL))
    ) WITH (fillfactor = 50)
"""
# The app says the day, by its own time zones: a server's may be older than Morocco's last decree.
# The trigger says it for the version before, which knows no day.
_DAY = """
    ALTER TABLE deposit ADD COLUMN received_on DATE,
        ADD CONSTRAINT ck_deposit_received_on CHECK (received_on IN (
            (received_at AT TIME ZONE 'UTC')::date,
            (received_at AT TIME ZONE 'UTC' + interval '1 hour')::date));
    CREATE FUNCTION say_day_of_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.received_on := (NEW.received_at AT TIME ZONE 'Africa/Casablanca')::date;
        RETURN NEW;
    END $$;
    CREATE TRIGGER deposit_day BEFORE INSERT ON deposit
        FOR EACH ROW WHEN (NEW.received_on IS NULL) EXECUTE FUNCTION say_day_of_deposit()
"""
# Adds to a part that nobody holds, or to one of 32 by chance: nobody waits. Cash added without a
# limit makes the shares of the key void; cash given back leaves them as they are.
_ADD = """
    CREATE FUNCTION add_to_day(of_kind TEXT, of_key TEXT, of_day DATE, centimes BIGINT)
    RETURNS VOID LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE day_total SET total_centimes = total_centimes + centimes,
            limit_centimes = CASE WHEN centimes < 0 THEN limit_centimes END,
            share_centimes = CASE WHEN centimes < 0 THEN share_centimes END
        WHERE kind = of_kind AND key = of_key AND day = of_day AND part = (
            SELECT part FROM day_total WHERE kind = of_kind AND key = of_key AND day = of_day
            ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED);
        IF NOT FOUND THEN
            INSERT INTO day_total AS there (kind, key, day, part, total_centimes)
            VALUES (of_kind, of_key, of_day, floor(random() * 32), centimes)
            ON CONFLICT (kind, key, day, part) DO UPDATE
            SET total_centimes = there.total_centimes + centimes,
                limit_centimes = CASE WHEN centimes < 0 THEN there.limit_centimes END,
                share_centimes = CASE WHEN centimes < 0 THEN there.share_centimes END;
        END IF;
    END $$;
    REVOKE EXECUTE ON FUNCTION add_to_day(TEXT, TEXT, DATE, BIGINT) FROM PUBLIC
"""
# Each part has a share of the limit, and all shares together are the limit at most: a deposit that
# fits into one part's share needs no look at the others. Where none has room, all parts are locked,
# counted, and what is left of the limit is shared out anew: the limit is used to its last centime,
# and never passed.
_ADD_WITHIN = """
    CREATE FUNCTION add_to_day_within(of_kind TEXT, of_key TEXT, of_day DATE, centimes BIGINT,
        most BIGINT, is_refused BOOLEAN) RETURNS VOID LANGUAGE plpgsql AS $$
    DECLARE
        counted BIGINT;
        rest BIGINT;
        shares BIGINT;
    BEGIN
        UPDATE day_total SET total_centimes = total_centimes + centimes
        WHERE is_refused AND kind = of_kind AND key = of_key AND day = of_day AND part = (
            SELECT part FROM day_total WHERE kind = of_kind AND key = of_key AND day = of_day
                AND total_centimes + centimes <= share_centimes
                AND NOT EXISTS (SELECT FROM day_total void WHERE void.kind = of_kind
                    AND void.key = of_key AND void.day = of_day
                    AND void.limit_centimes IS DISTINCT FROM most)
            ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED);
        IF FOUND THEN
            RETURN;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(of_kind || ':' || of_key, 0));
        PERFORM FROM day_total WHERE kind = of_kind AND key = of_key AND day = of_day
            ORDER BY part FOR UPDATE;
        SELECT coalesce(sum(total_centimes), 0) INTO counted FROM day_total
            WHERE kind = of_kind AND key = of_key AND day = of_day;
        IF is_refused AND counted + centimes > most THEN
            RAISE EXCEPTION 'the cash of a day passes the limit of % %', of_kind, of_key
                USING ERRCODE = 'check_violation', CONSTRAINT = of_kind || '_day_limit',
                DETAIL = counted || ' of ' || most;
        END IF;
        rest := greatest(most - counted - centimes, 0);
        shares := least(greatest(rest / (64 * centimes), 1), 32);
        INSERT INTO day_total (kind, key, day, part, total_centimes)
            SELECT of_kind, of_key, of_day, n, 0 FROM generate_series(0, shares - 1) n
            ON CONFLICT (kind, key, day, part) DO NOTHING;
        UPDATE day_total SET
            total_centimes = total_centimes + CASE part WHEN 0 THEN centimes ELSE 0 END,
            limit_centimes = most,
            share_centimes = total_centimes + CASE WHEN part < shares THEN rest / shares ELSE 0 END
                + CASE part WHEN 0 THEN centimes + rest % shares ELSE 0 END
        WHERE kind = of_kind AND key = of_key AND day = of_day;
    END $$;
    REVOKE EXECUTE ON FUNCTION
        add_to_day_within(TEXT, TEXT, DATE, BIGINT, BIGINT, BOOLEAN) FROM PUBLIC
"""
# Always in this order, so that two deposits never wait for each other in a ring. Cash that a file
# reports was taken already: it counts, and no limit refuses it.
_COUNT_DEPOSIT = """
    CREATE FUNCTION count_deposit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE
        owner RECORD;
    BEGIN
        FOR owner IN
            SELECT 'agent' AS kind, id::text AS key, day_limit_centimes AS most FROM agent
                WHERE id = NEW.agent_id
            UNION ALL SELECT 'agency', code, float_limit_centimes FROM agency
                WHERE code = NEW.agency_code
            UNION ALL SELECT 'client', id, day_limit_centimes FROM api_client
                WHERE id = NEW.client_id
        LOOP
            IF owner.most IS NULL THEN
                PERFORM add_to_day(owner.kind, owner.key, NEW.received_on, NEW.total_centimes);
            ELSE
                PERFORM add_to_day_within(owner.kind, owner.key, NEW.received_on,
                    NEW.total_centimes, owner.most, NEW.channel <> 'file');
            END IF;
        END LOOP;
        RETURN NULL;
    END $$;
    CREATE TRIGGER deposit_counted AFTER INSERT ON deposit
        FOR EACH ROW EXECUTE FUNCTION count_deposit()
"""
_COUNT_REVERSAL = """
    CREATE FUNCTION count_reversal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE
        undone deposit;
    BEGIN
        SELECT * INTO undone FROM deposit WHERE receipt_number = NEW.receipt_number;
        IF undone.received_on IS NULL THEN
            RETURN NULL;
        END IF;
        IF undone.agent_id IS NOT NULL THEN
            PERFORM add_to_day('agent', undone.agent_id::text, undone.received_on,
                -undone.total_centimes);
        END IF;
        IF undone.agency_code IS NOT NULL THEN
            PERFORM add_to_day('agency', undone.agency_code, undone.received_on,
                -undone.total_centimes);
        END IF;
        IF undone.client_id IS NOT NULL THEN
            PERFORM add_to_day('client', undone.client_id, undone.received_on,
                -undone.total_centimes);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER reversal_counted AFTER INSERT ON reversal
        FOR EACH ROW EXECUTE FUNCTION count_reversal()
"""
_SAY_DAYS = """
    UPDATE deposit SET received_on = '{day}'
    WHERE received_at >= '{begins}' AND received_at < '{ends}'
"""
_FILL = """
    INSERT INTO day_total (kind, key, day, part, total_centimes)
    SELECT owner.kind, owner.key, d.received_on, 0, sum(d.total_centimes)
    FROM deposit d LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
    CROSS JOIN LATERAL (VALUES ('agent', d.agent_id::text), ('agency', d.agency_code),
        ('client', d.client_id)) AS owner (kind, key)
    WHERE d.received_on IS NOT NULL AND r.receipt_number IS NULL AND owner.key IS NOT NULL
    GROUP BY 1, 2, 3
"""
# A trigger's function finds its tables whatever the search path of who writes.
_PIN = """
    DO $$
    DECLARE
        found regprocedure;
    BEGIN
        FOR found IN SELECT oid FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
            AND proname IN ('add_to_day', 'add_to_day_within', 'count_deposit', 'count_reversal',
                'say_day_of_deposit')
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', found,
                current_schema());
        END LOOP;
    END $$
"""


def upgrade() -> None:
    # Nothing is paid between the filling and the first deposit that counts itself.
    op.execute("LOCK TABLE deposit, reversal IN SHARE ROW EXCLUSIVE MODE")
    op.execute(_TABLE)
    op.execute(_DAY)
    op.execute("ALTER TABLE deposit DISABLE TRIGGER deposit_kept")
    today = local_date(datetime.now(UTC))
    for day in (today - timedelta(days=1), today):
        begins, ends = local_midnight(day), local_midnight(day + timedelta(days=1))
        op.execute(_SAY_DAYS.format(day=day, begins=begins, ends=ends))
    op.execute("ALTER TABLE deposit ENABLE TRIGGER deposit_kept")
    for sql in (_FILL, _ADD, _ADD_WITHIN, _COUNT_DEPOSIT, _COUNT_REVERSAL, _PIN):
        op.execute(sql)


def downgrade() -> None:
    for name in ("deposit_counted", "deposit_day"):
        op.execute(f"DROP TRIGGER {name} ON deposit")
    op.execute("DROP TRIGGER reversal_counted ON reversal")
    op.execute("DROP FUNCTION count_deposit, count_reversal, add_to_day_within, add_to_day")
    op.execute("DROP FUNCTION say_day_of_deposit")
    op.execute("DROP TABLE day_total")
    op.execute("ALTER TABLE deposit DROP COLUMN received_on")
