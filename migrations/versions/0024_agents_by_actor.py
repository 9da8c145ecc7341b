"""An agent by the name that the books have: reversals looked through all agents for one."""

from alembic import op

revision = "0024_agents_by_actor"
down_revision = "0023_audit_seals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_agent_actor ON agent (('agent:' || number))")


def downgrade() -> None:
    op.execute("DROP INDEX ix_agent_actor")
