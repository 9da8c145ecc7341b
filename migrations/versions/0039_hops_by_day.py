"""Hops stand in a partition for each day, which is dropped whole once it is old enough.

Each row was deleted again, thousands at a time: twice the writes, and dead rows for vacuum. The
hops of before become the partition for whatever has no day of its own; none is copied. Times of
codes and deposits get BRIN indexes: those tables stay whole.
"""

from alembic import op

revision = "0039_hops_by_day"
down_revision = "0038_day_totals"
branch_labels = None
depends_on = None

# The rights on a table, and what its policies show, are those of the new parent alone.
_SET_ASIDE = """
    ALTER TABLE hop RENAME TO hop_rest;
    ALTER TABLE hop_rest DROP CONSTRAINT pk_hop,
        ADD CONSTRAINT hop_rest_pkey PRIMARY KEY (session, revision, how, at);
    ALTER INDEX ix_hop_at RENAME TO hop_rest_at_idx;
    ALTER INDEX ix_hop_caller RENAME TO hop_rest_caller_idx;
    DO $$
    DECLARE
        found RECORD;
    BEGIN
        FOR found IN SELECT DISTINCT r.rolname FROM pg_class c, aclexplode(c.relacl) a
            JOIN pg_roles r ON r.oid = a.grantee
            WHERE c.oid = 'hop_rest'::regclass AND a.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON hop_rest FROM %I', found.rolname);
        END LOOP;
        FOR found IN SELECT DISTINCT r.rolname FROM pg_attribute c, aclexplode(c.attacl) a
            JOIN pg_roles r ON r.oid = a.grantee WHERE c.attrelid = 'hop_rest'::regclass
        LOOP
            EXECUTE format('REVOKE ALL ON hop_rest FROM %I', found.rolname);
        END LOOP;
        FOR found IN SELECT polname FROM pg_policy WHERE polrelid = 'hop_rest'::regclass
        LOOP
            EXECUTE format('DROP POLICY %I ON hop_rest', found.polname);
        END LOOP;
    END $$;
    ALTER TABLE hop_rest DISABLE ROW LEVEL SECURITY
"""
_PARENT = """
    CREATE TABLE hop (LIKE hop_rest,
        CONSTRAINT pk_hop PRIMARY KEY (session, revision, how, at)) PARTITION BY RANGE (at);
    CREATE INDEX ix_hop_at ON hop (at);
    CREATE INDEX ix_hop_caller ON hop (caller);
    ALTER TABLE hop ATTACH PARTITION hop_rest DEFAULT
"""
# The app's role makes no tables: it asks for those of eight days. Hops of a day that had none yet
# stand in hop_rest, and move. Whoever reads for long does not hold up all behind us for longer.
_PREPARE = """
    CREATE FUNCTION prepare_hop_days(first DATE) RETURNS INTEGER LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = {schema}, pg_temp SET lock_timeout = '2s' AS $$
    DECLARE
        begins TIMESTAMPTZ;
        ends TIMESTAMPTZ;
        name TEXT;
        made INTEGER := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('prepare_hop_days', 0));
        IF (SELECT count(*) FROM pg_inherits WHERE inhparent = 'hop'::regclass) > 1000 THEN
            RAISE EXCEPTION 'too many days of hops: none is dropped';
        END IF;
        FOR number IN 0..7 LOOP
            begins := (first + number)::timestamp AT TIME ZONE 'UTC';
            ends := (first + number + 1)::timestamp AT TIME ZONE 'UTC';
            name := 'hop_' || to_char(first + number, 'YYYYMMDD');
            CONTINUE WHEN to_regclass(name) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE hop INCLUDING ALL)', name);
            EXECUTE format('WITH moved AS (DELETE FROM hop_rest WHERE at >= %L AND at < %L'
                ' RETURNING *) INSERT INTO %I SELECT * FROM moved', begins, ends, name);
            EXECUTE format('ALTER TABLE hop ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                name, begins, ends);
            made := made + 1;
        END LOOP;
        RETURN made;
    END $$;
    REVOKE EXECUTE ON FUNCTION prepare_hop_days(DATE) FROM PUBLIC
"""
_FORGET = """
    CREATE FUNCTION forget_hop_days(before TIMESTAMPTZ) RETURNS INTEGER
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = {schema}, pg_temp SET lock_timeout = '2s' AS $$
    DECLARE
        name TEXT;
        forgotten INTEGER;
    BEGIN
        FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'hop'::regclass AND c.relname ~ '^hop_[0-9]{{8}}$'
                AND substr(c.relname, 5) < to_char(before AT TIME ZONE 'UTC', 'YYYYMMDD')
            ORDER BY 1
        LOOP
            EXECUTE format('DROP TABLE %I', name);
        END LOOP;
        DELETE FROM hop_rest WHERE ctid IN (
            SELECT ctid FROM hop_rest WHERE at < before LIMIT 10000);
        GET DIAGNOSTICS forgotten = ROW_COUNT;
        RETURN forgotten;
    END $$;
    REVOKE EXECUTE ON FUNCTION forget_hop_days(TIMESTAMPTZ) FROM PUBLIC
"""
_TIMES = """
    CREATE INDEX ix_deposit_received_at ON deposit USING brin (received_at);
    CREATE INDEX ix_payment_code_issued_at ON payment_code USING brin (issued_at)
"""
_WHOLE = """
    ALTER TABLE hop RENAME TO hop_of_days;
    ALTER TABLE hop_of_days RENAME CONSTRAINT pk_hop TO pk_hop_of_days;
    ALTER INDEX ix_hop_at RENAME TO ix_hop_of_days_at;
    ALTER INDEX ix_hop_caller RENAME TO ix_hop_of_days_caller;
    CREATE TABLE hop (LIKE hop_of_days,
        CONSTRAINT pk_hop PRIMARY KEY (session, revision, how));
    INSERT INTO hop SELECT * FROM hop_of_days ON CONFLICT DO NOTHING;
    CREATE INDEX ix_hop_at ON hop (at);
    CREATE INDEX ix_hop_caller ON hop (caller);
    DROP TABLE hop_of_days
"""


def upgrade() -> None:
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(_SET_ASIDE)
    op.execute(_PARENT)
    op.execute(_PREPARE.format(schema=schema))
    op.execute(_FORGET.format(schema=schema))
    op.execute("SELECT prepare_hop_days((now() AT TIME ZONE 'UTC')::date)")
    op.execute(_TIMES)


def downgrade() -> None:
    op.execute("DROP INDEX ix_deposit_received_at, ix_payment_code_issued_at")
    op.execute("DROP FUNCTION prepare_hop_days, forget_hop_days")
    op.execute(_WHOLE)
