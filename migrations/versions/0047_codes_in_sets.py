"""Codes are made in sets, and the lines that a statement adds are checked by one statement.

It finds their codes too. A foreign key looked for each line's code again, which took more than half
of the time of a set; codes are never renamed or deleted, by triggers of their own.
"""

from alembic import op

revision = "0047_codes_in_sets"
down_revision = "0046_forgotten_people"
branch_labels = None
depends_on = None

# Lines that come in two statements never pass: the first lacks a month, or the second has one of
# the first's, which the key refuses. So those of this statement are all that there are.
_CHECK_SET = """
    CREATE OR REPLACE FUNCTION check_added_lines() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF EXISTS (SELECT FROM (
                SELECT code, sum(contribution_centimes) AS contribution,
                    sum(penalty_centimes) AS penalty, min(period) AS first, max(period) AS last
                FROM added GROUP BY code) lines LEFT JOIN payment_code c USING (code)
            WHERE (lines.contribution, lines.penalty, lines.first, lines.last) IS DISTINCT FROM
                (c.contribution_centimes, c.penalty_centimes, c.first_period, c.last_period))
        THEN
            RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
"""
# As issue_payment_code does for each artisan, who is named once; nobody is told. The months of each
# are those from a first to a last place in the arrays of months: many owe the same ones.
_ISSUE_SET = """
    CREATE FUNCTION issue_payment_codes(for_artisans BIGINT[], shown_versions BIGINT[],
        ended_codes TEXT[], new_codes TEXT[], expire TIMESTAMPTZ[], first_places INTEGER[],
        last_places INTEGER[], periods DATE[], contributions BIGINT[], penalties BIGINT[],
        fee BIGINT, issued TIMESTAMPTZ, acting TEXT)
    RETURNS TABLE (for_artisan BIGINT, outcome TEXT) LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    DECLARE
        outcomes TEXT[];
    BEGIN
        PERFORM FROM artisan WHERE id = ANY(for_artisans) ORDER BY id FOR NO KEY UPDATE;
        PERFORM FROM payment_code WHERE artisan_id = ANY(for_artisans) AND state = 'issued'
            ORDER BY artisan_id FOR NO KEY UPDATE;
        outcomes := ARRAY(
            SELECT CASE
                WHEN account_version(asked.artisan) IS DISTINCT FROM asked.version
                    OR live.code IS DISTINCT FROM asked.ended
                    AND (live.expires_at <= issued) IS NOT TRUE THEN 'changed'
                WHEN EXISTS (SELECT FROM payment_code WHERE code = asked.code)
                    OR row_number() OVER (PARTITION BY asked.code ORDER BY asked.place) > 1
                    THEN 'drawn_before'
                ELSE 'issued' END
            FROM unnest(for_artisans, shown_versions, ended_codes, new_codes) WITH ORDINALITY
                AS asked (artisan, version, ended, code, place)
            LEFT JOIN payment_code live ON live.artisan_id = asked.artisan
                AND live.state = 'issued'
            ORDER BY asked.place);
        WITH ended AS (
            UPDATE payment_code c SET ended_at = least(c.expires_at, issued),
                state = CASE WHEN c.expires_at <= issued THEN 'expired' ELSE 'cancelled' END
            FROM unnest(for_artisans, outcomes) AS made (artisan, outcome)
            WHERE made.outcome = 'issued' AND c.artisan_id = made.artisan AND c.state = 'issued'
            RETURNING c.artisan_id, c.code, c.state
        )
        INSERT INTO audit_event (happened_at, actor, action, subject, details)
        SELECT issued, acting, 'code_cancelled', 'artisan:' || artisan_id,
            jsonb_build_object('code', code)
        FROM ended WHERE state = 'cancelled';
        INSERT INTO payment_code (code, artisan_id, contribution_centimes, penalty_centimes,
            fee_centimes, total_centimes, first_period, last_period, issued_at, expires_at)
        SELECT made.code, made.artisan, due.contribution, due.penalty, fee,
            due.contribution + due.penalty + fee, periods[made.first], periods[made.last],
            issued, made.expires
        FROM unnest(new_codes, for_artisans, expire, first_places, last_places, outcomes)
            AS made (code, artisan, expires, first, last, outcome)
        CROSS JOIN LATERAL (
            SELECT sum(contributions[place])::bigint AS contribution,
                sum(penalties[place])::bigint AS penalty
            FROM generate_series(made.first, made.last) AS place) due
        WHERE made.outcome = 'issued' ORDER BY made.code;
        INSERT INTO payment_code_line (code, period, contribution_centimes, penalty_centimes)
        SELECT made.code, periods[place], contributions[place], penalties[place]
        FROM (SELECT * FROM unnest(new_codes, first_places, last_places, outcomes)
                AS each (code, first, last, outcome) WHERE each.outcome = 'issued'
                ORDER BY each.code) made
        CROSS JOIN LATERAL generate_series(made.first, made.last) AS place;
        INSERT INTO audit_event (happened_at, actor, action, subject, details)
        SELECT issued, acting, 'code_issued', 'artisan:' || c.artisan_id,
            jsonb_build_object('code', c.code, 'total', c.total_centimes)
        FROM unnest(new_codes, outcomes) AS made (code, outcome) JOIN payment_code c USING (code)
        WHERE made.outcome = 'issued';
        RETURN QUERY SELECT * FROM unnest(for_artisans, outcomes);
    END $$
"""
_CHECK_EACH = """
    CREATE OR REPLACE FUNCTION check_added_lines() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    DECLARE
        checked TEXT;
        wrong BOOLEAN;
    BEGIN
        FOR checked IN SELECT DISTINCT code FROM added LOOP
            SELECT sum(l.contribution_centimes) <> c.contribution_centimes
                OR sum(l.penalty_centimes) <> c.penalty_centimes
                OR min(l.period) <> c.first_period OR max(l.period) <> c.last_period
                INTO wrong
                FROM payment_code c JOIN payment_code_line l ON l.code = c.code
                WHERE c.code = checked GROUP BY c.code;
            IF wrong THEN
                RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
                    USING ERRCODE = 'check_violation';
            END IF;
        END LOOP;
        RETURN NULL;
    END $$
"""


def _create(function: str) -> None:
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(function.format(schema=schema))


def upgrade() -> None:
    # Waits for those who write codes, and they for it: a moment.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE payment_code_line DROP CONSTRAINT fk_payment_code_line_code")
    _create(_CHECK_SET)
    _create(_ISSUE_SET)


def downgrade() -> None:
    op.execute("DROP FUNCTION issue_payment_codes")
    _create(_CHECK_EACH)
    op.execute(
        "ALTER TABLE payment_code_line ADD CONSTRAINT fk_payment_code_line_code"
        " FOREIGN KEY (code) REFERENCES payment_code (code)"
    )
