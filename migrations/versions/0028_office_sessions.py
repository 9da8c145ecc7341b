"""Sessions of the office's pages, kept here so that each can be ended: a cookie opens nothing."""

from alembic import op

revision = "0028_office_sessions"
down_revision = "0027_second_approver"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE office_session (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        token_digest BYTEA NOT NULL,
        name TEXT NOT NULL,
        began_at TIMESTAMPTZ NOT NULL,
        seen_at TIMESTAMPTZ NOT NULL,
        ended_at TIMESTAMPTZ,
        ended_by TEXT,
        CONSTRAINT pk_office_session PRIMARY KEY (id),
        CONSTRAINT uq_office_session_token_digest UNIQUE (token_digest),
        CONSTRAINT fk_office_session_name FOREIGN KEY (name) REFERENCES office_user (name),
        CONSTRAINT ck_office_session_token_digest CHECK (octet_length(token_digest) = 32),
        CONSTRAINT ck_office_session_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL))
    );
    CREATE INDEX ix_office_session_name ON office_session (name) WHERE ended_at IS NULL
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE office_session")
