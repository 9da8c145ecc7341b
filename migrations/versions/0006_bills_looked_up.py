"""Bills that the payments API's look-ups make: a client's allowance of them, and its days."""

from alembic import op

revision = "0006_bills_looked_up"
down_revision = "0005_network_payments"
branch_labels = None
depends_on = None

_UP = """
    ALTER TABLE api_client
        ADD COLUMN bills_a_day INTEGER DEFAULT 2000 NOT NULL,
        ADD CONSTRAINT ck_api_client_bills_a_day CHECK (bills_a_day >= 0);
    CREATE TABLE api_bill (
        code TEXT NOT NULL,
        client_id TEXT NOT NULL,
        made_at TIMESTAMPTZ NOT NULL,
        was_paid BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT pk_api_bill PRIMARY KEY (code),
        CONSTRAINT fk_api_bill_code FOREIGN KEY (code) REFERENCES payment_code (code),
        CONSTRAINT fk_api_bill_client_id FOREIGN KEY (client_id) REFERENCES api_client (id)
    );
    CREATE INDEX ix_api_bill_unpaid ON api_bill (client_id, made_at) WHERE NOT was_paid;
    CREATE TABLE api_bill_day (
        client_id TEXT NOT NULL,
        day DATE NOT NULL,
        unpaid_bills INTEGER DEFAULT 0 NOT NULL,
        unknown_look_ups INTEGER DEFAULT 0 NOT NULL,
        half_used_at TIMESTAMPTZ,
        CONSTRAINT pk_api_bill_day PRIMARY KEY (client_id, day),
        CONSTRAINT fk_api_bill_day_client_id FOREIGN KEY (client_id) REFERENCES api_client (id),
        CONSTRAINT ck_api_bill_day_counts CHECK (unpaid_bills >= 0 AND unknown_look_ups >= 0)
    );
    CREATE INDEX ix_api_bill_day_day ON api_bill_day (day);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE api_bill_day, api_bill")
    op.execute("ALTER TABLE api_client DROP COLUMN bills_a_day")
