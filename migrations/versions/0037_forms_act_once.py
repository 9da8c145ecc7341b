"""Notes and calls keep no key of their form: a form's own token says that it acted."""

from alembic import op

revision = "0037_forms_act_once"
down_revision = "0036_pictures_that_failed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("person_note", "member_call"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN form_key")


def downgrade() -> None:
    for table in ("person_note", "member_call"):
        # The default gives each row a key of its own; then forms give them.
        op.execute(
            f"ALTER TABLE {table}"
            " ADD COLUMN form_key TEXT NOT NULL DEFAULT gen_random_uuid()::text,"
            f" ADD CONSTRAINT uq_{table}_form_key UNIQUE (form_key),"
            f" ADD CONSTRAINT ck_{table}_form_key CHECK (char_length(form_key) BETWEEN 16 AND 64)"
        )
        op.execute(f"ALTER TABLE {table} ALTER COLUMN form_key DROP DEFAULT")
