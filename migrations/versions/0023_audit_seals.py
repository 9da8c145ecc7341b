"""Seals of the audit trail: a changed, removed or added row no longer fits the links after it."""

from alembic import op

revision = "0023_audit_seals"
down_revision = "0022_guards_of_roles"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE audit_seal (
        number BIGINT NOT NULL,
        last_id BIGINT NOT NULL,
        row_ids BIGINT[] NOT NULL,
        links BYTEA[] NOT NULL,
        sealed_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_audit_seal PRIMARY KEY (number),
        CONSTRAINT uq_audit_seal_last_id UNIQUE (last_id),
        CONSTRAINT ck_audit_seal_number CHECK (number > 0),
        CONSTRAINT ck_audit_seal_links CHECK (cardinality(links) = cardinality(row_ids)
            AND row_ids[cardinality(row_ids)] = last_id)
    );
    CREATE TRIGGER audit_seal_kept BEFORE UPDATE OR DELETE ON audit_seal
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER audit_seal_not_emptied BEFORE TRUNCATE ON audit_seal
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE audit_seal")
