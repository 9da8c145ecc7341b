"""Indexes of the office's lists: a network's days in sum, the audit by day, looks, approvals."""

from alembic import op

revision = "0043_indexes_of_office_lists"
down_revision = "0042_codes_at_commands"
branch_labels = None
depends_on = None

_INDEXES = """
    CREATE INDEX ix_network_payment_paid_at ON network_payment (network, paid_at);
    CREATE INDEX ix_audit_event_happened_at ON audit_event (happened_at, id);
    CREATE INDEX ix_audit_event_looks ON audit_event (happened_at, id)
        WHERE action IN ('person_looked_up', 'person_shown', 'request_shown');
    CREATE INDEX ix_audit_event_approved ON audit_event (happened_at, id)
        WHERE approved_by IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(_INDEXES)


def downgrade() -> None:
    op.execute(
        "DROP INDEX ix_network_payment_paid_at, ix_audit_event_happened_at, ix_audit_event_looks,"
        " ix_audit_event_approved"
    )
