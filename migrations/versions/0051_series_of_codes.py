"""Codes come in series, after a restore of the next: none that was told comes twice."""

from alembic import op

revision = "0051_series_of_codes"
down_revision = "0050_lists_of_the_audit"
branch_labels = None
depends_on = None

_SERIES = "coalesce((SELECT code_series FROM books_gap ORDER BY id DESC LIMIT 1), 0)"
# `series N` says of which one a code has to be: for one code before anything is locked, in a set
# for each code that could be issued otherwise.
_ONE = """
    BEGIN
        PERFORM FROM artisan"""
_ONE_OF_SERIES = f"""
    BEGIN
        IF left(new_code, 11)::bigint % 7 <> {_SERIES} THEN
            RETURN 'series ' || {_SERIES};
        END IF;
        PERFORM FROM artisan"""
_SET = """
                WHEN EXISTS (SELECT FROM payment_code WHERE code = asked.code)"""
_SET_OF_SERIES = f"""
                WHEN left(asked.code, 11)::bigint % 7 <> {_SERIES} THEN 'series ' || {_SERIES}
                WHEN EXISTS (SELECT FROM payment_code WHERE code = asked.code)"""
_CHANGE = """
    DO $do$
    DECLARE
        before CONSTANT TEXT := (SELECT pg_get_functiondef(oid) FROM pg_proc
            WHERE proname = '{function}'
                AND pronamespace = current_schema()::regnamespace);
        after CONSTANT TEXT := replace(before, $old${old}$old$, $new${new}$new$);
    BEGIN
        IF after = before THEN
            RAISE '{function} is not as it was made';
        END IF;
        EXECUTE after;
    END $do$
"""


def _change(function: str, old: str, new: str) -> None:
    sql = _CHANGE.replace("{function}", function)
    op.execute(sql.replace("{old}", old).replace("{new}", new))


def upgrade() -> None:
    op.execute("""
        ALTER TABLE books_gap ADD COLUMN code_series SMALLINT NOT NULL DEFAULT 0,
            ADD CONSTRAINT ck_books_gap_series CHECK (code_series BETWEEN 0 AND 6)
    """)
    op.execute("""
        UPDATE books_gap g SET code_series =
            (SELECT count(*) % 7 FROM books_gap earlier WHERE earlier.id <= g.id)
    """)
    _change("issue_payment_code", _ONE, _ONE_OF_SERIES)
    _change("issue_payment_codes", _SET, _SET_OF_SERIES)


def downgrade() -> None:
    _change("issue_payment_code", _ONE_OF_SERIES, _ONE)
    _change("issue_payment_codes", _SET_OF_SERIES, _SET)
    op.execute("ALTER TABLE books_gap DROP COLUMN code_series")
