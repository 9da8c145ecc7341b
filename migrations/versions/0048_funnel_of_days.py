"""The funnel of a day that is over is counted once and kept: its hops are dropped whole."""

from alembic import op

revision = "0048_funnel_of_days"
down_revision = "0047_codes_in_sets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE funnel_day (
            day DATE NOT NULL,
            screen TEXT NOT NULL,
            language TEXT NOT NULL,
            gateway TEXT NOT NULL,
            entered BIGINT NOT NULL,
            answered BIGINT NOT NULL,
            misunderstood BIGINT NOT NULL,
            went_back BIGINT NOT NULL,
            dropped BIGINT NOT NULL,
            ended BIGINT NOT NULL,
            looks JSONB NOT NULL,
            counted_at TIMESTAMPTZ NOT NULL,
            CONSTRAINT pk_funnel_day PRIMARY KEY (day, screen, language, gateway)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE funnel_day")
