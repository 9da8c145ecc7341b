"""Who adds to a day waits for the others without a part that it locked in vain.

A part whose share another took in the meantime stayed locked: two at a limit could wait for each
other, and one of them was told that the database is away.
"""

from alembic import op

revision = "0060_no_ring_at_a_limit"
down_revision = "0059_forgotten_requests"
branch_labels = None
depends_on = None

_BEFORE = """
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
"""
# What a block of its own locked is free again when it ends by an exception.
_NOW = f"""
        IF is_refused THEN
            BEGIN
{_BEFORE}
                RAISE EXCEPTION USING ERRCODE = 'MA001';
            EXCEPTION WHEN SQLSTATE 'MA001' THEN
                NULL;
            END;
        END IF;
"""
_ADD_WITHIN = """
    CREATE OR REPLACE FUNCTION add_to_day_within(of_kind TEXT, of_key TEXT, of_day DATE,
        centimes BIGINT, most BIGINT, is_refused BOOLEAN) RETURNS VOID LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    DECLARE
        counted BIGINT;
        rest BIGINT;
        shares BIGINT;
    BEGIN
{fast}        PERFORM pg_advisory_xact_lock(hashtextextended(of_kind || ':' || of_key, 0));
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
    END $$
"""


def _create(fast: str) -> None:
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(_ADD_WITHIN.format(schema=schema, fast=fast.lstrip("\n")))


def upgrade() -> None:
    _create(_NOW)


def downgrade() -> None:
    _create(_BEFORE)
