"""A set of codes compares its accounts in its own statement: a call for each took three times that.

What is compared is what account_version says: who changes the one changes the other.
"""

from alembic import op

revision = "0061_accounts_of_a_set"
down_revision = "0060_no_ring_at_a_limit"
branch_labels = None
depends_on = None

_EACH = "account_version(asked.artisan)"
_TOGETHER = """(SELECT hashtextextended(ROW(a.category, a.coefficient, a.enrolled_on,
                        a.rights_until, a.rights_as_of,
                        (SELECT c.code FROM payment_code c
                            WHERE c.artisan_id = a.id AND c.state = 'issued'),
                        (SELECT string_agg(ROW(s.period, s.receipt_number, s.posted_on)::text, ''
                            ORDER BY s.period) FROM contribution_allocation s
                            WHERE s.artisan_id = a.id)
                    )::text, 0) FROM artisan a WHERE a.id = asked.artisan)"""
_CHANGE = """
    DO $do$
    DECLARE
        before CONSTANT TEXT := (SELECT pg_get_functiondef(oid) FROM pg_proc
            WHERE proname = 'issue_payment_codes'
                AND pronamespace = current_schema()::regnamespace);
        after CONSTANT TEXT := replace(before, $old${old}$old$, $new${new}$new$);
    BEGIN
        IF after = before THEN
            RAISE 'issue_payment_codes is not as it was made';
        END IF;
        EXECUTE after;
    END $do$
"""


def upgrade() -> None:
    op.execute(_CHANGE.replace("{old}", _EACH).replace("{new}", _TOGETHER))


def downgrade() -> None:
    op.execute(_CHANGE.replace("{old}", _TOGETHER).replace("{new}", _EACH))
