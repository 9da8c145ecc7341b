"""Ties of phones: the way each is proven, those that ended, their codes; wrong dates a number."""

from alembic import op

revision = "0007_ties_of_phones"
down_revision = "0006_bills_looked_up"
branch_labels = None
depends_on = None

# Every tie that there is was made by RNA number and birth date alone.
_UP = """
ALTER TABLE artisan ADD COLUMN lost_phone TEXT;
ALTER TABLE artisan ADD CONSTRAINT ck_artisan_lost_phone
    CHECK (phone IS NULL OR lost_phone IS NULL);

ALTER TABLE artisan_phone ADD COLUMN way TEXT DEFAULT 'papers' NOT NULL;
ALTER TABLE artisan_phone ADD COLUMN proven_at TIMESTAMPTZ;
ALTER TABLE artisan_phone ADD CONSTRAINT ck_artisan_phone_way
    CHECK (way IN ('papers', 'code', 'desk', 'agent'));
ALTER TABLE artisan_phone ADD CONSTRAINT ck_artisan_phone_proven
    CHECK ((way = 'papers') = (proven_at IS NULL));

CREATE TABLE ended_tie (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    phone TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    way TEXT NOT NULL,
    since TIMESTAMPTZ,
    ended_at TIMESTAMPTZ NOT NULL,
    why TEXT NOT NULL,
    CONSTRAINT pk_ended_tie PRIMARY KEY (id),
    CONSTRAINT fk_ended_tie_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_ended_tie_why
        CHECK (why IN ('untied', 'forgotten', 'desk', 'moved', 'handed_over', 'withdrawn'))
);
CREATE INDEX ix_ended_tie_artisan_id ON ended_tie (artisan_id);
CREATE INDEX ix_ended_tie_phone ON ended_tie (phone, ended_at);

CREATE TABLE tie_code (
    phone TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    code_digest BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    tries_left SMALLINT NOT NULL,
    asked_by TEXT NOT NULL,
    CONSTRAINT pk_tie_code PRIMARY KEY (phone, artisan_id),
    CONSTRAINT fk_tie_code_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_tie_code_tries_left CHECK (tries_left >= 0)
);
CREATE INDEX ix_tie_code_artisan_id ON tie_code (artisan_id);

CREATE TABLE number_attempt (
    lane TEXT NOT NULL,
    day DATE NOT NULL,
    wrong SMALLINT NOT NULL,
    taken_by TEXT NOT NULL,
    CONSTRAINT pk_number_attempt PRIMARY KEY (lane, day)
);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("""
        DROP TABLE number_attempt, tie_code, ended_tie;
        ALTER TABLE artisan_phone DROP COLUMN way, DROP COLUMN proven_at;
        ALTER TABLE artisan DROP COLUMN lost_phone;
    """)
