"""What the office's work needs: forms used once, given files, checks of the books, notices."""

from alembic import op

revision = "0034_office_work"
down_revision = "0033_doors_of_names"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE office_form (
        token TEXT NOT NULL,
        name TEXT NOT NULL,
        used_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_office_form PRIMARY KEY (token),
        CONSTRAINT fk_office_form_name FOREIGN KEY (name) REFERENCES office_user (name),
        CONSTRAINT ck_office_form_token CHECK (token ~ '^[0-9a-f]{32}$')
    );
    CREATE INDEX ix_office_form_used_at ON office_form (used_at);

    CREATE TABLE uploaded_file (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        kind TEXT NOT NULL,
        network TEXT,
        declared_centimes BIGINT,
        name TEXT NOT NULL,
        encoding TEXT,
        bytes INTEGER NOT NULL,
        content BYTEA,
        given_by TEXT NOT NULL,
        given_at TIMESTAMPTZ NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        ended_at TIMESTAMPTZ,
        report JSONB NOT NULL DEFAULT '{}'::jsonb,
        CONSTRAINT pk_uploaded_file PRIMARY KEY (id),
        CONSTRAINT fk_uploaded_file_network FOREIGN KEY (network) REFERENCES agent_network (code),
        CONSTRAINT ck_uploaded_file_kind CHECK (kind IN ('settlement', 'cnss_answer')),
        CONSTRAINT ck_uploaded_file_network
            CHECK ((kind = 'settlement') = (network IS NOT NULL)),
        CONSTRAINT ck_uploaded_file_state CHECK (state IN ('waiting', 'taken', 'refused')),
        CONSTRAINT ck_uploaded_file_ended CHECK ((state = 'waiting') = (ended_at IS NULL)),
        CONSTRAINT ck_uploaded_file_content CHECK ((state = 'waiting') = (content IS NOT NULL)),
        CONSTRAINT ck_uploaded_file_name CHECK (char_length(name) BETWEEN 1 AND 120),
        CONSTRAINT ck_uploaded_file_bytes CHECK (bytes > 0)
    );
    CREATE INDEX ix_uploaded_file_waiting ON uploaded_file (id) WHERE state = 'waiting';

    CREATE TABLE books_check (
        day DATE NOT NULL,
        checked_at TIMESTAMPTZ NOT NULL,
        rules INTEGER NOT NULL,
        broken JSONB NOT NULL,
        unsealed INTEGER NOT NULL,
        transactions BIGINT NOT NULL,
        CONSTRAINT pk_books_check PRIMARY KEY (day),
        CONSTRAINT ck_books_check_counts
            CHECK (rules > 0 AND unsealed >= 0 AND transactions >= 0)
    );

    CREATE TABLE notice_proposal (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        name TEXT NOT NULL,
        until DATE NOT NULL,
        texts JSONB NOT NULL,
        state TEXT NOT NULL DEFAULT 'proposed',
        proposed_by TEXT NOT NULL,
        proposed_at TIMESTAMPTZ NOT NULL,
        approved_by TEXT,
        ended_at TIMESTAMPTZ,
        CONSTRAINT pk_notice_proposal PRIMARY KEY (id),
        CONSTRAINT ck_notice_proposal_name CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
        CONSTRAINT ck_notice_proposal_state
            CHECK (state IN ('proposed', 'published', 'refused')),
        CONSTRAINT ck_notice_proposal_ended CHECK ((state = 'proposed') = (ended_at IS NULL)),
        CONSTRAINT ck_notice_proposal_approved
            CHECK ((state = 'published') = (approved_by IS NOT NULL)),
        CONSTRAINT ck_notice_proposal_two_people
            CHECK (person_key(approved_by) <> person_key(proposed_by))
    )
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE notice_proposal, books_check, uploaded_file, office_form")
