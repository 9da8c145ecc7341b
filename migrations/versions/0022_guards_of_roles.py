"""What the app's role, which owns no table, could otherwise turn the guards with.

A trigger's function finds its tables by the search path of whoever wrote the row: a temporary table
named `deposit` stood before the true one. What a file told CNSS stays as it was told.
"""

from alembic import op

revision = "0022_guards_of_roles"
down_revision = "0021_reversal_code_ids"
branch_labels = None
depends_on = None

# pg_temp, unless it is named last, is searched first.
_PIN_SEARCH_PATHS = """
    DO $$
    DECLARE
        found regprocedure;
    BEGIN
        FOR found IN SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
            WHERE p.pronamespace = current_schema()::regnamespace AND l.lanname = 'plpgsql'
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', found,
                current_schema());
        END LOOP;
    END $$
"""
_FREE_SEARCH_PATHS = """
    DO $$
    DECLARE
        found regprocedure;
    BEGIN
        FOR found IN SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
            WHERE p.pronamespace = current_schema()::regnamespace AND l.lanname = 'plpgsql'
        LOOP
            EXECUTE format('ALTER FUNCTION %s RESET search_path', found);
        END LOOP;
    END $$
"""
# Only its owner may analyze a table; a file's lines are matched badly without.
_STATISTICS = """
    CREATE FUNCTION renew_statistics(loaded text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    AS $$
    BEGIN
        IF loaded NOT IN ('settlement_line', 'network_payment', 'reconciliation_break') THEN
            RAISE EXCEPTION 'statistics of % are renewed by the server', loaded
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        EXECUTE format('ANALYZE %I', loaded);
    END $$;
    REVOKE EXECUTE ON FUNCTION renew_statistics(text) FROM PUBLIC
"""
_BATCH = """
    CREATE TRIGGER cnss_batch_told BEFORE UPDATE ON cnss_batch
        FOR EACH ROW WHEN (OLD.name <> 'begun') EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    for sql in (_STATISTICS, _BATCH, _PIN_SEARCH_PATHS):
        op.execute(sql)


def downgrade() -> None:
    op.execute("DROP TRIGGER cnss_batch_told ON cnss_batch")
    op.execute("DROP FUNCTION renew_statistics(text)")
    op.execute(_FREE_SEARCH_PATHS)
