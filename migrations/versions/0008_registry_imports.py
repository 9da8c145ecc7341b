"""Adds the imports of the register, with what is needed to undo one as a whole."""

from alembic import op

revision = "0008_registry_imports"
down_revision = "0007_ties_of_phones"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE registry_import (
            id BIGINT GENERATED ALWAYS AS IDENTITY,
            imported_at TIMESTAMPTZ NOT NULL,
            imported_by TEXT NOT NULL,
            file_name TEXT NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            unchanged INTEGER NOT NULL,
            rejected INTEGER NOT NULL,
            transaction_id TEXT NOT NULL,
            created_ids BIGINT[] NOT NULL,
            left_as TEXT NOT NULL,
            undone_at TIMESTAMPTZ,
            undone_by TEXT,
            forgotten_at TIMESTAMPTZ,
            CONSTRAINT pk_registry_import PRIMARY KEY (id),
            CONSTRAINT ck_registry_import_undone
                CHECK ((undone_at IS NULL) = (undone_by IS NULL))
        );
        CREATE TABLE registry_import_update (
            import_id BIGINT NOT NULL,
            artisan_id BIGINT NOT NULL,
            earlier JSONB NOT NULL,
            CONSTRAINT pk_registry_import_update PRIMARY KEY (import_id, artisan_id),
            CONSTRAINT fk_registry_import_update_import_id FOREIGN KEY (import_id)
                REFERENCES registry_import (id)
        );
        CREATE TABLE registry_import_day (
            import_id BIGINT NOT NULL,
            earlier_day DATE NOT NULL,
            artisan_ids BIGINT[] NOT NULL,
            CONSTRAINT pk_registry_import_day PRIMARY KEY (import_id, earlier_day),
            CONSTRAINT fk_registry_import_day_import_id FOREIGN KEY (import_id)
                REFERENCES registry_import (id)
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE registry_import_day, registry_import_update, registry_import")
