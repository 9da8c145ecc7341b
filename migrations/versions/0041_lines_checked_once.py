"""The lines of a code are compared with its amounts once for each statement, not for each line.

A code of three years summed its lines three dozen times, each time all of them.
"""

from alembic import op

revision = "0041_lines_checked_once"
down_revision = "0040_codes_in_one_statement"
branch_labels = None
depends_on = None

_CHECK = """
    CREATE FUNCTION check_added_lines() RETURNS trigger LANGUAGE plpgsql AS $$
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
_PIN_SEARCH_PATH = """
    DO $$
    BEGIN
        EXECUTE format('ALTER FUNCTION check_added_lines SET search_path = %I, pg_temp',
            current_schema());
    END $$
"""
# That a code has lines at all is checked at the commit, once for each code, as before.
_EACH_STATEMENT = """
    CREATE TRIGGER payment_code_line_sums AFTER INSERT ON payment_code_line
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_added_lines()
"""
_EACH_LINE = """
    CREATE CONSTRAINT TRIGGER payment_code_line_sums AFTER INSERT ON payment_code_line
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_code_lines()
"""


def upgrade() -> None:
    op.execute("DROP TRIGGER payment_code_line_sums ON payment_code_line")
    for sql in (_CHECK, _PIN_SEARCH_PATH, _EACH_STATEMENT):
        op.execute(sql)


def downgrade() -> None:
    op.execute("DROP TRIGGER payment_code_line_sums ON payment_code_line")
    op.execute("DROP FUNCTION check_added_lines()")
    op.execute(_EACH_LINE)
