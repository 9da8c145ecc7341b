"""Outages are kept, so that a person who asks how the service is hears since when."""

from alembic import op

revision = "0041_outages"
down_revision = "0041_lines_checked_once"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE outage (
            engine TEXT NOT NULL,
            began_at TIMESTAMP WITH TIME ZONE NOT NULL,
            ended_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_outage PRIMARY KEY (engine, began_at),
            CONSTRAINT ck_outage_engine CHECK (engine IN ('postgresql', 'redis')),
            CONSTRAINT ck_outage_ended CHECK (ended_at >= began_at)
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_outage_open ON outage (engine) WHERE ended_at IS NULL")


def downgrade() -> None:
    op.drop_table("outage")
