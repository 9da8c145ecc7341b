"""A code is made by one statement, which refuses if the account is not as it was shown."""

from alembic import op

revision = "0040_codes_in_one_statement"
down_revision = "0039_hops_by_day"
branch_labels = None
depends_on = None

# Changes with everything that an account shows: the register's part, the months settled, the code.
_VERSION = """
    CREATE FUNCTION account_version(of_artisan BIGINT) RETURNS BIGINT LANGUAGE plpgsql STABLE
    AS $$
    BEGIN
        RETURN (SELECT hashtextextended(ROW(a.category, a.coefficient, a.enrolled_on,
                a.rights_until, a.rights_as_of,
                (SELECT c.code FROM payment_code c
                    WHERE c.artisan_id = a.id AND c.state = 'issued'),
                (SELECT string_agg(ROW(s.period, s.receipt_number, s.posted_on)::text, ''
                    ORDER BY s.period) FROM contribution_allocation s WHERE s.artisan_id = a.id)
            )::text, 0) FROM artisan a WHERE a.id = of_artisan);
    END $$
"""
# Each statement of a VOLATILE function sees what was committed before it: so what is compared is
# what there is once the rows are locked. Returns `issued`, `changed` or `drawn_before`.
_ISSUE = """
    CREATE FUNCTION issue_payment_code(for_artisan BIGINT, shown_version BIGINT,
        ended_code TEXT, new_code TEXT, asking_phone TEXT, fee BIGINT, issued TIMESTAMPTZ,
        expires TIMESTAMPTZ, periods DATE[], contributions BIGINT[], penalties BIGINT[],
        acting TEXT, told_language TEXT, told_body TEXT, told_encoding TEXT, told_units SMALLINT,
        told_segments SMALLINT) RETURNS TEXT LANGUAGE plpgsql
    AS $$
    DECLARE
        live RECORD;
        contribution CONSTANT BIGINT := (SELECT sum(each) FROM unnest(contributions) each);
        penalty CONSTANT BIGINT := (SELECT sum(each) FROM unnest(penalties) each);
    BEGIN
        PERFORM FROM artisan WHERE id = for_artisan FOR NO KEY UPDATE;
        SELECT code, expires_at <= issued AS expired INTO live FROM payment_code
            WHERE artisan_id = for_artisan AND state = 'issued' FOR NO KEY UPDATE;
        IF account_version(for_artisan) IS DISTINCT FROM shown_version
            OR live.code IS DISTINCT FROM ended_code AND live.expired IS NOT TRUE THEN
            RETURN 'changed';
        END IF;
        IF EXISTS (SELECT FROM payment_code WHERE code = new_code) THEN
            RETURN 'drawn_before';
        END IF;
        IF live.code IS NOT NULL THEN
            UPDATE payment_code SET ended_at = least(expires_at, issued),
                state = CASE WHEN live.expired THEN 'expired' ELSE 'cancelled' END
                WHERE code = live.code;
        END IF;
        IF NOT live.expired THEN
            INSERT INTO audit_event (happened_at, actor, action, subject, details)
            VALUES (issued, acting, 'code_cancelled', 'artisan:' || for_artisan,
                jsonb_build_object('code', live.code));
        END IF;
        INSERT INTO payment_code (code, artisan_id, phone, contribution_centimes,
            penalty_centimes, fee_centimes, total_centimes, first_period, last_period, issued_at,
            expires_at)
        VALUES (new_code, for_artisan, asking_phone, contribution, penalty, fee,
            contribution + penalty + fee, periods[1], periods[cardinality(periods)], issued,
            expires);
        INSERT INTO payment_code_line (code, period, contribution_centimes, penalty_centimes)
        SELECT new_code, line.* FROM unnest(periods, contributions, penalties) AS line;
        IF asking_phone IS NOT NULL THEN
            INSERT INTO message (event_key, kind, phone, language, body, encoding, units,
                segments, created_at, due_at)
            VALUES (concat_ws(':', 'code', new_code, asking_phone), 'code', asking_phone,
                told_language, told_body, told_encoding, told_units, told_segments, issued,
                issued);
        END IF;
        INSERT INTO audit_event (happened_at, actor, action, subject, details)
        VALUES (issued, acting, 'code_issued', 'artisan:' || for_artisan,
            jsonb_build_object('code', new_code, 'total', contribution + penalty + fee));
        RETURN 'issued';
    END $$
"""
# pg_temp, unless it is named last, is searched first.
_PIN_SEARCH_PATHS = """
    DO $$
    DECLARE
        made TEXT;
    BEGIN
        FOREACH made IN ARRAY ARRAY['account_version', 'issue_payment_code'] LOOP
            EXECUTE format('ALTER FUNCTION %I SET search_path = %I, pg_temp', made,
                current_schema());
        END LOOP;
    END $$
"""


def upgrade() -> None:
    for sql in (_VERSION, _ISSUE, _PIN_SEARCH_PATHS):
        op.execute(sql)


def downgrade() -> None:
    op.execute("DROP FUNCTION issue_payment_code")
    op.execute("DROP FUNCTION account_version")
