"""At the commit a code is asked for lines alone: what they make was compared when they were added.

Lines are added by one statement, after their code, and neither changes: its trigger has compared
them all (0047). The commit summed them again, code by code.
"""

from alembic import op

revision = "0057_lines_of_codes"
down_revision = "0056_givers_of_approvers"
branch_labels = None
depends_on = None

_CHECK = """
    CREATE OR REPLACE FUNCTION check_code_lines() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM payment_code_line WHERE code = NEW.code) THEN
            RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
"""
_CHECK_SUMS = """
    CREATE OR REPLACE FUNCTION check_code_lines() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    DECLARE
        wrong boolean;
    BEGIN
        SELECT count(l.code) = 0
            OR sum(l.contribution_centimes) <> c.contribution_centimes
            OR sum(l.penalty_centimes) <> c.penalty_centimes
            OR min(l.period) <> c.first_period
            OR max(l.period) <> c.last_period
            INTO wrong
            FROM payment_code c LEFT JOIN payment_code_line l ON l.code = c.code
            WHERE c.code = NEW.code GROUP BY c.code;
        IF wrong THEN
            RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
"""


def _create(function: str) -> None:
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(function.format(schema=schema))


def upgrade() -> None:
    _create(_CHECK)


def downgrade() -> None:
    _create(_CHECK_SUMS)
