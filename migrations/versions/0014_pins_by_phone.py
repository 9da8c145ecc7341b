"""Wrong PINs of artisans count for each phone; a code that replaces a PIN is its asker's."""

from alembic import op

revision = "0014_pins_by_phone"
down_revision = "0013_settlement_line_code"
branch_labels = None
depends_on = None

# Pauses of half an hour and codes of ten minutes are not worth carrying over.
_UP = """
ALTER TABLE artisan_pin DROP COLUMN wrong_pins, DROP COLUMN paused_until, DROP COLUMN tried_by;

CREATE TABLE pin_attempt (
    artisan_id BIGINT NOT NULL,
    lane TEXT NOT NULL,
    wrong SMALLINT NOT NULL,
    paused_until TIMESTAMPTZ,
    tried_by TEXT NOT NULL,
    tried_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_pin_attempt PRIMARY KEY (artisan_id, lane),
    CONSTRAINT fk_pin_attempt_artisan_id FOREIGN KEY (artisan_id)
        REFERENCES artisan_pin (artisan_id) ON DELETE CASCADE,
    CONSTRAINT ck_pin_attempt_lane CHECK (lane = 'others' OR lane ~ '^[+][0-9]{8,15}$'),
    CONSTRAINT ck_pin_attempt_wrong CHECK (wrong >= 0)
);

DELETE FROM pin_reset;
ALTER TABLE pin_reset DROP CONSTRAINT pk_pin_reset;
ALTER TABLE pin_reset ADD COLUMN phone TEXT NOT NULL;
ALTER TABLE pin_reset ADD CONSTRAINT pk_pin_reset PRIMARY KEY (artisan_id, phone);
"""
_DOWN = """
DELETE FROM pin_reset;
ALTER TABLE pin_reset DROP CONSTRAINT pk_pin_reset;
ALTER TABLE pin_reset DROP COLUMN phone;
ALTER TABLE pin_reset ADD CONSTRAINT pk_pin_reset PRIMARY KEY (artisan_id);

DROP TABLE pin_attempt;

ALTER TABLE artisan_pin ADD COLUMN wrong_pins SMALLINT DEFAULT 0 NOT NULL;
ALTER TABLE artisan_pin ADD COLUMN paused_until TIMESTAMPTZ;
ALTER TABLE artisan_pin ADD COLUMN tried_by TEXT;
ALTER TABLE artisan_pin ADD CONSTRAINT ck_artisan_pin_wrong_pins CHECK (wrong_pins BETWEEN 0 AND 2);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
