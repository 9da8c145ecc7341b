"""Agents' locks by door, their sessions at the till, and whose choice a PIN is."""

from alembic import op

revision = "0009_agents_locks_and_sessions"
down_revision = "0008_registry_imports"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE agent
    DROP CONSTRAINT ck_agent_wrong_pins,
    DROP COLUMN wrong_pins,
    DROP COLUMN locked_until,
    ADD COLUMN pin_expires_at TIMESTAMPTZ,
    ADD COLUMN generation INTEGER DEFAULT 1 NOT NULL;

CREATE TABLE agent_lock (
    number TEXT NOT NULL,
    door TEXT NOT NULL,
    wrong_pins SMALLINT DEFAULT 0 NOT NULL,
    locks SMALLINT DEFAULT 0 NOT NULL,
    locked_until TIMESTAMPTZ,
    tried_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_agent_lock PRIMARY KEY (number, door),
    CONSTRAINT ck_agent_lock_number CHECK (char_length(number) BETWEEN 1 AND 12),
    CONSTRAINT ck_agent_lock_door CHECK (door ~ '^(phone|unknown|device:[0-9a-f]{32})$'),
    CONSTRAINT ck_agent_lock_counts CHECK (wrong_pins >= 0 AND locks >= 0)
);
CREATE INDEX ix_agent_lock_tried_at ON agent_lock (tried_at);

CREATE TABLE agent_session (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    token_digest BYTEA NOT NULL,
    agent_id BIGINT NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    pin_due BOOLEAN DEFAULT false NOT NULL,
    ended_at TIMESTAMPTZ,
    ended_by TEXT,
    CONSTRAINT pk_agent_session PRIMARY KEY (id),
    CONSTRAINT uq_agent_session_token_digest UNIQUE (token_digest),
    CONSTRAINT fk_agent_session_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id),
    CONSTRAINT ck_agent_session_token_digest CHECK (octet_length(token_digest) = 32),
    CONSTRAINT ck_agent_session_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CONSTRAINT ck_agent_session_ended_by CHECK (
        ended_by IN ('sign_out', 'new_pin', 'dismissal', 'agency_closed', 'office', 'changed')
    )
);
CREATE INDEX ix_agent_session_agent_id ON agent_session (agent_id) WHERE ended_at IS NULL;
CREATE INDEX ix_agent_session_began_at ON agent_session (began_at);
"""
_DOWN = """
DROP TABLE agent_session;
DROP TABLE agent_lock;
ALTER TABLE agent
    DROP COLUMN generation,
    DROP COLUMN pin_expires_at,
    ADD COLUMN wrong_pins SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN locked_until TIMESTAMPTZ,
    ADD CONSTRAINT ck_agent_wrong_pins CHECK (wrong_pins >= 0);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
