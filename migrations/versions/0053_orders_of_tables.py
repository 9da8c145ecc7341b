"""Indexes of the orders of the office's tables, and of a region's members to call."""

from alembic import op

revision = "0053_orders_of_tables"
down_revision = "0052_requests_by_owner"
branch_labels = None
depends_on = None

_WAITS = "WHERE state IN ('open', 'taken')"
_INDEXES = {
    "ix_help_request_waiting_asked_at": f"help_request (asked_at, id) {_WAITS}",
    "ix_help_request_waiting_desk": f"help_request (coalesce(desk, kind), id) {_WAITS}",
    "ix_help_request_waiting_language": f"help_request (language, id) {_WAITS}",
    "ix_help_request_waiting_owner": f"help_request (coalesce(owner, ''), id) {_WAITS}",
    "ix_reconciliation_break_kind": "reconciliation_break (kind, id)",
    "ix_reconciliation_break_our_centimes": (
        "reconciliation_break (coalesce(our_centimes, 0), id)"
    ),
    "ix_reconciliation_break_state": "reconciliation_break (state, id)",
    "ix_claim_state": "claim (state, id)",
    "ix_claim_amount": "claim (coalesce(amount_centimes, 0), id)",
    "ix_claim_filed_on": "claim (filed_on, id)",
    "ix_claim_as_of": "claim (as_of, id)",
    "ix_enrolment_file_missing": "enrolment_file (cardinality(missing), artisan_id)",
    "ix_enrolment_file_as_of": "enrolment_file (as_of, artisan_id)",
    "ix_artisan_region_rights_until": "artisan (region, rights_until, id)",
}


def upgrade() -> None:
    for name, columns in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {columns}")


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
