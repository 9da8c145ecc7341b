"""The desks' pages: notes, presences at a counter, calls to members, owners of requests."""

from alembic import op

revision = "0031_people_of_the_office"
down_revision = "0030_second_factors"
branch_labels = None
depends_on = None

_REQUESTS = """
    ALTER TABLE help_request
        ALTER COLUMN phone DROP NOT NULL,
        ADD COLUMN owner TEXT, ADD COLUMN desk TEXT, ADD COLUMN called_at TIMESTAMPTZ,
        ADD COLUMN outcome TEXT,
        ADD CONSTRAINT ck_help_request_who CHECK (phone IS NOT NULL OR artisan_id IS NOT NULL),
        ADD CONSTRAINT ck_help_request_desk CHECK
            (desk IN ('call_back', 'enrolment', 'claims', 'bank', 'dar', 'export')),
        ADD CONSTRAINT ck_help_request_outcome CHECK
            (outcome IN ('helped', 'unreachable', 'not_wanted', 'not_possible'));
    CREATE UNIQUE INDEX uq_help_request_waiting_without_phone
        ON help_request (artisan_id, kind, topic)
        WHERE phone IS NULL AND state IN ('open', 'taken');
    CREATE INDEX ix_help_request_queue ON help_request (coalesce(desk, kind), language, id)
        WHERE state IN ('open', 'taken');
"""
_CONSENT = """
    ALTER TABLE consent DROP CONSTRAINT ck_consent_subject, DROP CONSTRAINT ck_consent_channel,
        ADD CONSTRAINT ck_consent_subject CHECK (subject IN ('export_news', 'calls')),
        ADD CONSTRAINT ck_consent_channel CHECK (channel IN ('ussd', 'sms', 'counter'));
    CREATE INDEX ix_consent_calls ON consent (phone, id) WHERE subject = 'calls';
"""
_HOPS = """
    ALTER TABLE hop ADD COLUMN caller TEXT;
    CREATE INDEX ix_hop_caller ON hop (caller);
"""
_NOTES = """
    CREATE TABLE person_note (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        artisan_id BIGINT NOT NULL,
        words TEXT NOT NULL,
        written_by TEXT NOT NULL,
        written_at TIMESTAMPTZ NOT NULL,
        form_key TEXT NOT NULL,
        CONSTRAINT pk_person_note PRIMARY KEY (id),
        CONSTRAINT uq_person_note_form_key UNIQUE (form_key),
        CONSTRAINT fk_person_note_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
        CONSTRAINT ck_person_note_words CHECK (char_length(words) BETWEEN 1 AND 1000),
        CONSTRAINT ck_person_note_form_key CHECK (char_length(form_key) BETWEEN 16 AND 64)
    );
    CREATE INDEX ix_person_note_artisan_id ON person_note (artisan_id, id);
"""
_PRESENCES = """
    CREATE TABLE presence (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        artisan_id BIGINT NOT NULL,
        officer TEXT NOT NULL,
        way TEXT NOT NULL,
        asked_at TIMESTAMPTZ NOT NULL,
        code_digest BYTEA,
        tries_left SMALLINT DEFAULT 0 NOT NULL,
        began_at TIMESTAMPTZ,
        ends_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_presence PRIMARY KEY (id),
        CONSTRAINT fk_presence_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
        CONSTRAINT fk_presence_officer FOREIGN KEY (officer) REFERENCES office_user (name),
        CONSTRAINT ck_presence_way CHECK (way IN ('code', 'card')),
        CONSTRAINT ck_presence_code CHECK ((way = 'code') = (code_digest IS NOT NULL)),
        CONSTRAINT ck_presence_card CHECK (way = 'code' OR began_at IS NOT NULL),
        CONSTRAINT ck_presence_tries_left CHECK (tries_left >= 0),
        CONSTRAINT ck_presence_ends_at CHECK (ends_at >= asked_at)
    );
    CREATE INDEX ix_presence_artisan_id ON presence (artisan_id);
    CREATE INDEX ix_presence_officer ON presence (officer, artisan_id, ends_at);
"""
_CALLS = """
    CREATE TABLE member_call (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        artisan_id BIGINT NOT NULL,
        called_by TEXT NOT NULL,
        called_at TIMESTAMPTZ NOT NULL,
        outcome TEXT NOT NULL,
        next_call_on DATE,
        form_key TEXT NOT NULL,
        CONSTRAINT pk_member_call PRIMARY KEY (id),
        CONSTRAINT uq_member_call_form_key UNIQUE (form_key),
        CONSTRAINT fk_member_call_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
        CONSTRAINT ck_member_call_outcome CHECK
            (outcome IN ('called', 'no_answer', 'will_pay', 'refuses', 'wrong_number')),
        CONSTRAINT ck_member_call_form_key CHECK (char_length(form_key) BETWEEN 16 AND 64)
    );
    CREATE INDEX ix_member_call_artisan_id ON member_call (artisan_id, id);
"""
_KEPT = """
    CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    for part in (_REQUESTS, _CONSENT, _HOPS, _NOTES, _PRESENCES, _CALLS):
        op.execute(part)
    for table in ("person_note", "member_call"):
        op.execute(_KEPT.format(table=table))


def downgrade() -> None:
    for table in ("member_call", "presence", "person_note"):
        # The wall is built anew after every migration.
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute("ALTER TABLE hop DROP COLUMN caller")
    op.execute("DROP INDEX ix_consent_calls")
    op.execute("ALTER TABLE consent DROP CONSTRAINT ck_consent_subject")
    op.execute("ALTER TABLE consent DROP CONSTRAINT ck_consent_channel")
    # Answers are kept by triggers; the version before knows none about calls.
    op.execute("ALTER TABLE consent DISABLE TRIGGER USER")
    op.execute("DELETE FROM consent WHERE subject = 'calls' OR channel = 'counter'")
    op.execute("ALTER TABLE consent ENABLE TRIGGER USER")
    op.execute(
        "ALTER TABLE consent"
        " ADD CONSTRAINT ck_consent_subject CHECK (subject IN ('export_news')),"
        " ADD CONSTRAINT ck_consent_channel CHECK (channel IN ('ussd', 'sms'))"
    )
    op.execute("DROP INDEX uq_help_request_waiting_without_phone")
    op.execute("DELETE FROM help_request WHERE phone IS NULL")
    op.execute(
        "ALTER TABLE help_request DROP COLUMN owner, DROP COLUMN desk CASCADE,"
        " DROP COLUMN called_at,"
        " DROP COLUMN outcome, DROP CONSTRAINT ck_help_request_who,"
        " ALTER COLUMN phone SET NOT NULL"
    )
