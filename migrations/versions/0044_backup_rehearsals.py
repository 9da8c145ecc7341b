"""Rehearsed restores: when, what would have been lost, how long it took."""

from alembic import op

revision = "0044_backup_rehearsals"
down_revision = "0043_indexes_of_office_lists"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE backup_rehearsal (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        began_at TIMESTAMPTZ NOT NULL,
        until TIMESTAMPTZ NOT NULL,
        base TEXT NOT NULL,
        rpo_seconds DOUBLE PRECISION NOT NULL,
        rto_seconds DOUBLE PRECISION NOT NULL,
        missing JSONB NOT NULL DEFAULT '{}'::jsonb,
        broken JSONB NOT NULL DEFAULT '{}'::jsonb,
        sound BOOLEAN NOT NULL,
        CONSTRAINT pk_backup_rehearsal PRIMARY KEY (id),
        CONSTRAINT ck_backup_rehearsal_seconds CHECK (rpo_seconds >= 0 AND rto_seconds >= 0)
    );
    CREATE INDEX ix_backup_rehearsal_began_at ON backup_rehearsal (began_at);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE backup_rehearsal")
