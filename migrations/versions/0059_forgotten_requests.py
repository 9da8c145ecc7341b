"""A request that has ended stays, of nobody, when the person who asked is forgotten."""

from alembic import op

revision = "0059_forgotten_requests"
down_revision = "0058_ended_messages"
branch_labels = None
depends_on = None

_CHANGE = """
ALTER TABLE help_request DROP CONSTRAINT ck_help_request_who,
    ADD CONSTRAINT ck_help_request_who CHECK (phone IS NOT NULL OR artisan_id IS NOT NULL{more})
"""


def upgrade() -> None:
    op.execute(_CHANGE.format(more=" OR state IN ('done', 'cancelled')"))


def downgrade() -> None:
    # Those who were forgotten stay so: their rows are not looked at again.
    op.execute(_CHANGE.format(more="") + " NOT VALID")
