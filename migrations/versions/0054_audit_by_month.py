"""The audit stands in a partition for each month (UTC), so that a list reads its months.

The rows of before become the first partition as they are: a CHECK, proven beside those who write,
spares reading them while others wait. A last partition takes what no month was made for. A number
is unique in its partition, and of one sequence; seals tell of two rows of one number. No foreign
key can name it without its moment: a trigger asks for the row instead.
"""

from __future__ import annotations

from alembic import op

revision = "0054_audit_by_month"
down_revision = "0053_orders_of_tables"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_audit_event_subject": "(subject, id)",
    "ix_audit_event_happened_at": "(happened_at, id)",
    "ix_audit_event_looks": (
        "(happened_at, id) WHERE action IN ('person_looked_up', 'person_shown', 'request_shown')"
    ),
    "ix_audit_event_approved": "(happened_at, id) WHERE approved_by IS NOT NULL",
}
# The first month that is not of before. A day is left: what is written meanwhile fits as well.
_FIRST_MONTH = """
    SELECT (date_trunc('month', greatest(now() + interval '1 day', max(happened_at))
        AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' FROM audit_event
"""
_LAST_NUMBER = "SELECT last_value, is_called FROM audit_event_id_seq"
# What roles may do with the table and see of it, as statements that say it of another of its name.
_RIGHTS = """
    SELECT format('GRANT %s ON audit_event TO %I', a.privilege_type, r.rolname)
    FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = 'audit_event'::regclass AND a.grantee <> c.relowner
    UNION ALL
    SELECT format('GRANT %s (%I) ON audit_event TO %I', a.privilege_type, c.attname, r.rolname)
    FROM pg_attribute c, aclexplode(c.attacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.attrelid = 'audit_event'::regclass
    UNION ALL
    SELECT 'ALTER TABLE audit_event ENABLE ROW LEVEL SECURITY' FROM pg_class
    WHERE oid = 'audit_event'::regclass AND relrowsecurity
    UNION ALL
    SELECT format('CREATE POLICY %I ON audit_event AS %s FOR %s TO %s', policyname, permissive, cmd,
            (SELECT string_agg(quote_ident(role), ', ') FROM unnest(roles) role))
        || coalesce(' USING (' || qual || ')', '')
        || coalesce(' WITH CHECK (' || with_check || ')', '')
    FROM pg_policies WHERE schemaname = current_schema() AND tablename = 'audit_event'
"""
_SET_ASIDE = """
    ALTER TABLE reconciliation_break DROP CONSTRAINT fk_reconciliation_break_audit_event_id;
    ALTER TABLE audit_event RENAME TO audit_event_first;
    ALTER TABLE audit_event_first ALTER id DROP IDENTITY;
    DROP TRIGGER audit_event_kept ON audit_event_first;
    DO $$
    DECLARE
        found RECORD;
    BEGIN
        FOR found IN SELECT r.rolname FROM pg_class c, aclexplode(c.relacl) a
            JOIN pg_roles r ON r.oid = a.grantee
            WHERE c.oid = 'audit_event_first'::regclass AND a.grantee <> c.relowner
            UNION SELECT r.rolname FROM pg_attribute c, aclexplode(c.attacl) a
            JOIN pg_roles r ON r.oid = a.grantee WHERE c.attrelid = 'audit_event_first'::regclass
        LOOP
            EXECUTE format('REVOKE ALL ON audit_event_first FROM %I', found.rolname);
        END LOOP;
        FOR found IN SELECT polname FROM pg_policy WHERE polrelid = 'audit_event_first'::regclass
        LOOP
            EXECUTE format('DROP POLICY %I ON audit_event_first', found.polname);
        END LOOP;
    END $$;
    ALTER TABLE audit_event_first DISABLE ROW LEVEL SECURITY
"""
_PARENT = """
    CREATE TABLE audit_event (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        happened_at TIMESTAMPTZ NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        approved_by TEXT,
        details JSONB DEFAULT '{}'::jsonb NOT NULL,
        CONSTRAINT ck_audit_event_approved
            CHECK (action <> 'resolution' OR approved_by IS NOT NULL),
        CONSTRAINT ck_audit_event_two_people CHECK (person_key(approved_by) <> person_key(actor))
    ) PARTITION BY RANGE (happened_at)
"""
_KEPT = """
    CREATE TRIGGER audit_event_kept BEFORE UPDATE OR DELETE ON audit_event
        FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
_NOT_EMPTIED = """
    CREATE TRIGGER audit_event_not_emptied BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
_REST = """
    CREATE TABLE audit_event_rest (LIKE audit_event INCLUDING ALL EXCLUDING IDENTITY,
        PRIMARY KEY (id));
    ALTER TABLE audit_event ATTACH PARTITION audit_event_rest
        FOR VALUES FROM ('{month}') TO (MAXVALUE)
"""
# The app's role makes no tables: it asks for this month and the three after it. What stands in the
# last partition moves to its month. Where somebody reads for long nothing is made: whoever writes
# would wait behind us, and an hour later we are called again.
_PREPARE = """
    CREATE FUNCTION prepare_audit_months(today DATE) RETURNS INTEGER LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '200ms' AS $$
    DECLARE
        begins TIMESTAMPTZ;
        ends TIMESTAMPTZ;
        through TIMESTAMPTZ := (date_trunc('month', today::timestamp) + interval '4 months')
            AT TIME ZONE 'UTC';
        name TEXT;
        made INTEGER := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('prepare_audit_months', 0));
        SELECT CAST(substring(pg_get_expr(relpartbound, oid) FROM '''([^'']+)''') AS timestamptz)
            INTO begins FROM pg_class WHERE oid = 'audit_event_rest'::regclass;
        IF begins >= through THEN
            RETURN 0;
        END IF;
        IF through > begins + interval '10 years' THEN
            RAISE EXCEPTION 'too many months of the audit: is the clock right?';
        END IF;
        ALTER TABLE audit_event DETACH PARTITION audit_event_rest;
        WHILE begins < through LOOP
            ends := (begins AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
            name := 'audit_event_' || to_char(begins AT TIME ZONE 'UTC', 'YYYYMM');
            EXECUTE format('CREATE TABLE %I (LIKE audit_event INCLUDING ALL EXCLUDING IDENTITY,'
                ' PRIMARY KEY (id))', name);
            EXECUTE format('CREATE TRIGGER audit_event_not_emptied BEFORE TRUNCATE ON %I'
                ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
            EXECUTE format('WITH moved AS (DELETE FROM audit_event_rest WHERE happened_at < %L'
                ' RETURNING *) INSERT INTO %I SELECT * FROM moved', ends, name);
            EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION %I'
                ' FOR VALUES FROM (%L) TO (%L)', name, begins, ends);
            begins := ends;
            made := made + 1;
        END LOOP;
        EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION audit_event_rest'
            ' FOR VALUES FROM (%L) TO (MAXVALUE)', begins);
        RETURN made;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0;
    END $$;
    REVOKE EXECUTE ON FUNCTION prepare_audit_months(DATE) FROM PUBLIC
"""
_BREAKS = """
    CREATE FUNCTION check_break_audit_event() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM audit_event WHERE id = NEW.audit_event_id) THEN
            RAISE EXCEPTION 'audit event % is not there', NEW.audit_event_id
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER reconciliation_break_audit_event
        AFTER INSERT OR UPDATE OF audit_event_id ON reconciliation_break
        FOR EACH ROW WHEN (NEW.audit_event_id IS NOT NULL)
        EXECUTE FUNCTION check_break_audit_event()
"""
_WHOLE = """
    ALTER TABLE audit_event DETACH PARTITION audit_event_first;
    INSERT INTO audit_event_first SELECT * FROM audit_event;
    DROP TABLE audit_event;
    ALTER TABLE audit_event_first RENAME TO audit_event
"""
_WHOLE_AGAIN = """
    ALTER TABLE audit_event ALTER id ADD GENERATED ALWAYS AS IDENTITY;
    ALTER TABLE reconciliation_break ADD CONSTRAINT fk_reconciliation_break_audit_event_id
        FOREIGN KEY (audit_event_id) REFERENCES audit_event (id)
"""


def upgrade() -> None:
    bind = op.get_bind()
    month = bind.exec_driver_sql(_FIRST_MONTH).scalar_one()
    # A migration that had to begin anew left it.
    op.execute("ALTER TABLE audit_event DROP CONSTRAINT IF EXISTS ck_audit_event_first")
    op.execute(
        "ALTER TABLE audit_event ADD CONSTRAINT ck_audit_event_first"
        f" CHECK (happened_at < '{month}') NOT VALID"
    )
    _commit()
    op.execute("ALTER TABLE audit_event VALIDATE CONSTRAINT ck_audit_event_first")
    _commit()
    rights = _list_rights()
    number = bind.exec_driver_sql(_LAST_NUMBER).one()
    op.execute(_SET_ASIDE)
    for name in _INDEXES:
        op.execute(f"ALTER INDEX {name} RENAME TO {name.replace('event', 'event_first')}")
    op.execute(_PARENT)
    op.execute(f"SELECT setval('audit_event_id_seq', {number.last_value}, {number.is_called})")
    for name, columns in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON audit_event {columns}")
    op.execute(_KEPT)
    op.execute(_NOT_EMPTIED.format(table="audit_event"))
    op.execute(
        "ALTER TABLE audit_event ATTACH PARTITION audit_event_first"
        f" FOR VALUES FROM (MINVALUE) TO ('{month}')"
    )
    op.execute("ALTER TABLE audit_event_first DROP CONSTRAINT ck_audit_event_first")
    op.execute(_REST.format(month=month))
    op.execute(_NOT_EMPTIED.format(table="audit_event_rest"))
    _give_rights(rights)
    schema = bind.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(_BREAKS.format(schema=schema))
    op.execute(_PREPARE.format(schema=schema))
    op.execute("SELECT prepare_audit_months((now() AT TIME ZONE 'UTC')::date)")


def downgrade() -> None:
    bind = op.get_bind()
    op.execute("DROP TRIGGER reconciliation_break_audit_event ON reconciliation_break")
    op.execute("DROP FUNCTION check_break_audit_event, prepare_audit_months")
    rights = _list_rights()
    number = bind.exec_driver_sql(_LAST_NUMBER).one()
    op.execute(_WHOLE)
    for name in _INDEXES:
        op.execute(f"ALTER INDEX {name.replace('event', 'event_first')} RENAME TO {name}")
    op.execute(_WHOLE_AGAIN)
    op.execute(f"SELECT setval('audit_event_id_seq', {number.last_value}, {number.is_called})")
    op.execute(_KEPT)
    _give_rights(rights)


def _commit() -> None:
    """Lets go of the table: it is locked for a moment, and read through with others at work."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection
    connection.commit()


def _list_rights() -> list[str]:
    return list(op.get_bind().exec_driver_sql(_RIGHTS.replace("%", "%%")).scalars())


def _give_rights(rights: list[str]) -> None:
    for right in rights:
        op.get_bind().exec_driver_sql(right.replace("%", "%%"))
