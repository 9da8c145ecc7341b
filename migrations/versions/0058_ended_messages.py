"""Messages that ended long ago stand apart, in a partition for each month (UTC) of their end.

A worker forgets their texts and moves them, by a function of the tables' owner: the app's role
deletes none. What is under way, ended lately, or is a receipt that did not arrive stays. An event
still writes one message for ever: it is noted as the text is forgotten, and a trigger asks for it.
"""

from alembic import op

revision = "0058_ended_messages"
down_revision = "0057_lines_of_codes"
branch_labels = None
depends_on = None

_COLUMNS = """id, event_key, kind, phone, language, encoding, units, segments, state, priority,
    created_at, due_at, useful_until, attempts, attempts_here, refused_by, maybe_sent_by,
    resent_unknown, provider, provider_reference, sent_at, ended_at, made_up_at, error"""
_TABLES = """
    CREATE TABLE ended_message (
        id BIGINT NOT NULL,
        event_key TEXT NOT NULL,
        kind TEXT NOT NULL,
        phone TEXT NOT NULL,
        language TEXT NOT NULL,
        encoding TEXT NOT NULL,
        units SMALLINT NOT NULL,
        segments SMALLINT NOT NULL,
        state TEXT NOT NULL,
        priority SMALLINT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        due_at TIMESTAMPTZ NOT NULL,
        useful_until TIMESTAMPTZ,
        attempts SMALLINT NOT NULL,
        attempts_here SMALLINT NOT NULL,
        refused_by TEXT[] NOT NULL,
        maybe_sent_by TEXT,
        resent_unknown SMALLINT NOT NULL,
        provider TEXT,
        provider_reference TEXT,
        sent_at TIMESTAMPTZ,
        ended_at TIMESTAMPTZ NOT NULL,
        made_up_at TIMESTAMPTZ,
        error TEXT,
        CONSTRAINT pk_ended_message PRIMARY KEY (id, ended_at),
        CONSTRAINT ck_ended_message_state
            CHECK (state IN ('delivered', 'failed', 'cancelled', 'unreported'))
    ) PARTITION BY RANGE (ended_at);
    CREATE INDEX ix_ended_message_phone ON ended_message (phone, id);
    CREATE INDEX ix_ended_message_provider_reference ON ended_message (provider_reference);
    CREATE INDEX ix_ended_message_created_at ON ended_message USING brin (created_at);
    CREATE INDEX ix_ended_message_sent_at ON ended_message USING brin (sent_at);
    CREATE TABLE ended_event (
        event_key TEXT NOT NULL,
        CONSTRAINT pk_ended_event PRIMARY KEY (event_key)
    )
"""
# As the owner, whoever writes: the roles get their rights on the new table a moment later.
_ONCE = """
    CREATE FUNCTION skip_ended_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF EXISTS (SELECT FROM ended_event WHERE event_key = NEW.event_key) THEN
            RETURN NULL;
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER message_once BEFORE INSERT ON message
        FOR EACH ROW EXECUTE FUNCTION skip_ended_event()
"""
# It costs a message nothing while it is under way.
_EMPTIED = """
    CREATE INDEX CONCURRENTLY ix_message_emptied ON message (ended_at)
    WHERE body IS NULL AND (kind <> 'receipt' OR state <> 'failed' OR made_up_at IS NOT NULL)
"""
_IS_INDEXED = """
    SELECT FROM pg_index WHERE indexrelid = to_regclass('ix_message_emptied') AND indisvalid
"""
# Those move whose events an earlier transaction noted: who writes one of them again meanwhile meets
# either the message or its event. Returns how many it did anything to.
_MOVE = """
    CREATE FUNCTION move_ended_messages(before TIMESTAMPTZ, most INTEGER) RETURNS INTEGER
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp
    SET lock_timeout = '200ms' AS $$
    DECLARE
        emptied BIGINT[];
        noted BIGINT[];
        full_ones BIGINT[];
        begins TIMESTAMP;
        name TEXT;
    BEGIN
        emptied := ARRAY(
            SELECT id FROM message WHERE body IS NULL AND ended_at < before
                AND (kind <> 'receipt' OR state <> 'failed' OR made_up_at IS NOT NULL)
            ORDER BY ended_at LIMIT most FOR UPDATE SKIP LOCKED);
        noted := ARRAY(
            SELECT m.id FROM message m JOIN ended_event e ON e.event_key = m.event_key
            WHERE m.id = ANY(emptied));
        full_ones := ARRAY(
            SELECT id FROM message WHERE body IS NOT NULL AND ended_at < before
                AND (kind <> 'receipt' OR state <> 'failed' OR made_up_at IS NOT NULL)
            ORDER BY ended_at LIMIT most FOR UPDATE SKIP LOCKED);
        UPDATE message SET body = NULL WHERE id = ANY(full_ones);
        INSERT INTO ended_event SELECT event_key FROM message
            WHERE id = ANY(emptied || full_ones) ON CONFLICT DO NOTHING;
        FOR begins IN SELECT DISTINCT date_trunc('month', ended_at AT TIME ZONE 'UTC') FROM message
            WHERE id = ANY(noted)
        LOOP
            name := 'ended_message_' || to_char(begins, 'YYYYMM');
            CONTINUE WHEN to_regclass(name) IS NOT NULL;
            PERFORM pg_advisory_xact_lock(hashtextextended('move_ended_messages', 0));
            CONTINUE WHEN to_regclass(name) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE ended_message INCLUDING ALL)', name);
            EXECUTE format('ALTER TABLE ended_message ATTACH PARTITION %I'
                ' FOR VALUES FROM (%L) TO (%L)', name, begins AT TIME ZONE 'UTC',
                (begins + interval '1 month') AT TIME ZONE 'UTC');
        END LOOP;
        WITH moved AS (DELETE FROM message WHERE id = ANY(noted) RETURNING *)
        INSERT INTO ended_message ({columns}) SELECT {columns} FROM moved;
        RETURN cardinality(emptied) + cardinality(full_ones);
    END $$;
    REVOKE EXECUTE ON FUNCTION move_ended_messages(TIMESTAMPTZ, INTEGER) FROM PUBLIC
"""
_BACK = """
    INSERT INTO message ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM ended_message
"""


def upgrade() -> None:
    _index_the_emptied()
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(_TABLES)
    op.execute(_ONCE.format(schema=schema))
    op.execute(_MOVE.format(schema=schema, columns=_COLUMNS))


def downgrade() -> None:
    op.execute("DROP INDEX ix_message_emptied")
    op.execute("DROP FUNCTION move_ended_messages")
    op.execute("DROP TRIGGER message_once ON message")
    op.execute("DROP FUNCTION skip_ended_event")
    op.execute(_BACK.format(columns=_COLUMNS))
    op.execute("DROP TABLE ended_message")
    op.execute("DROP TABLE ended_event")


def _index_the_emptied() -> None:
    """Builds the index beside those who write: it may wait for readers, nobody waits behind it."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection
    connection.commit()
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            # A migration that had to begin anew left it, whole or not.
            if not cursor.execute(_IS_INDEXED).fetchone():
                waits = cursor.execute("SHOW lock_timeout").fetchone()[0]
                cursor.execute("SET lock_timeout = 0")
                cursor.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_message_emptied")
                cursor.execute(_EMPTIED)
                cursor.execute(f"SET lock_timeout = '{waits}'")
    finally:
        connection.autocommit = False
