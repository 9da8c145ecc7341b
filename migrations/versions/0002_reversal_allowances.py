"""A reversal says how it was allowed; the code that an artisan reads out; the proof of both."""

from alembic import op

revision = "0002_reversal_allowances"
down_revision = "0001_first"
branch_labels = None
depends_on = None

_CODES = """
-- The code that an artisan reads out of an SMS to have a deposit reversed; only its digest is kept.
CREATE TABLE reversal_code (
    receipt_number TEXT NOT NULL,
    code_digest BYTEA NOT NULL,
    asked_by TEXT NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    tries_left SMALLINT NOT NULL,
    times_sent SMALLINT NOT NULL,
    used_at TIMESTAMPTZ,
    CONSTRAINT pk_reversal_code PRIMARY KEY (receipt_number),
    CONSTRAINT fk_reversal_code_receipt_number FOREIGN KEY (receipt_number)
        REFERENCES deposit (receipt_number),
    CONSTRAINT ck_reversal_code_digest CHECK (octet_length(code_digest) = 32),
    CONSTRAINT ck_reversal_code_expires CHECK (expires_at > sent_at),
    CONSTRAINT ck_reversal_code_tries CHECK (tries_left BETWEEN 0 AND 3),
    CONSTRAINT ck_reversal_code_times CHECK (times_sent BETWEEN 1 AND 3),
    CONSTRAINT ck_reversal_code_used CHECK (used_at < expires_at)
)
"""

# Until now an agent reversed alone on the day of the deposit.
_COLUMN = """
ALTER TABLE reversal ADD COLUMN allowance TEXT;
ALTER TABLE reversal DISABLE TRIGGER reversal_kept;
UPDATE reversal SET allowance =
    CASE channel WHEN 'api' THEN 'network' WHEN 'office' THEN 'breaks' ELSE 'alone' END;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE reversal ENABLE TRIGGER reversal_kept;
ALTER TABLE reversal
    ALTER COLUMN allowance SET NOT NULL,
    DROP CONSTRAINT ck_reversal_channel,
    DROP CONSTRAINT ck_reversal_approved,
    ADD CONSTRAINT ck_reversal_channel CHECK (channel IN ('page', 'phone', 'api', 'office')),
    ADD CONSTRAINT ck_reversal_allowance CHECK (
        allowance = 'network' AND channel = 'api'
        OR allowance = 'breaks' AND channel = 'office'
        OR allowance IN ('alone', 'second_agent', 'artisan_code') AND channel IN ('page', 'phone')),
    ADD CONSTRAINT ck_reversal_approved
        CHECK ((allowance IN ('second_agent', 'breaks')) = (approved_by IS NOT NULL));
CREATE INDEX ix_reversal_made_by_reversed_at ON reversal (made_by, reversed_at);
CREATE INDEX ix_reversal_reversed_at ON reversal (reversed_at);
"""

_GUARD = """
-- What allowed a reversal at a till or a phone is true of the rows that prove it.
CREATE FUNCTION check_reversal_allowance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken deposit%ROWTYPE;
    right_one boolean;
BEGIN
    IF NEW.channel NOT IN ('page', 'phone') THEN
        RETURN NEW;
    END IF;
    SELECT * INTO taken FROM deposit WHERE receipt_number = NEW.receipt_number;
    right_one := NEW.reversed_at < taken.received_at + interval '24 hours' AND EXISTS (
        SELECT 1 FROM agent
            WHERE 'agent:' || number = NEW.made_by AND agency_code = taken.agency_code AND active);
    IF NEW.allowance = 'alone' THEN
        -- No installation allows an agent more than an hour.
        right_one := right_one AND NEW.reversed_at <= taken.received_at + interval '1 hour'
            AND EXISTS (SELECT 1 FROM agent
                WHERE id = taken.agent_id AND 'agent:' || number = NEW.made_by);
    ELSIF NEW.allowance = 'second_agent' THEN
        right_one := right_one AND EXISTS (
            SELECT 1 FROM agent WHERE 'agent:' || number = NEW.approved_by
                AND agency_code = taken.agency_code AND active);
    ELSE
        right_one := right_one AND EXISTS (
            SELECT 1 FROM reversal_code
                WHERE receipt_number = NEW.receipt_number AND used_at = NEW.reversed_at);
    END IF;
    IF right_one IS NOT TRUE THEN
        RAISE EXCEPTION 'nothing proves that this reversal was allowed by %', NEW.allowance
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reversal_allowance BEFORE INSERT ON reversal
    FOR EACH ROW EXECUTE FUNCTION check_reversal_allowance();

-- A used code stays as it was used, and is kept.
CREATE TRIGGER reversal_code_used BEFORE UPDATE ON reversal_code
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reversal_code_kept BEFORE DELETE ON reversal_code
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reversal_code_not_emptied BEFORE TRUNCATE ON reversal_code
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

_BACK = """
DROP TRIGGER reversal_allowance ON reversal;
DROP FUNCTION check_reversal_allowance();
DROP TABLE reversal_code;
DROP INDEX ix_reversal_made_by_reversed_at;
DROP INDEX ix_reversal_reversed_at;
ALTER TABLE reversal
    DROP CONSTRAINT ck_reversal_allowance,
    DROP CONSTRAINT ck_reversal_approved,
    DROP CONSTRAINT ck_reversal_channel,
    DROP COLUMN allowance,
    ADD CONSTRAINT ck_reversal_channel CHECK (channel IN ('page', 'api', 'office')) NOT VALID,
    ADD CONSTRAINT ck_reversal_approved
        CHECK ((channel = 'office') = (approved_by IS NOT NULL)) NOT VALID;
"""


def upgrade() -> None:
    for sql in (_CODES, _COLUMN, _GUARD):
        op.execute(sql)


def downgrade() -> None:
    """The older version does not know two agents: their reversals stay as rows it never made."""
    op.execute(_BACK)
