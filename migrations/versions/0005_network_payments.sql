-- A network's payment is known by its reference, whatever file tells it and how often.

ALTER TABLE settlement_file DROP CONSTRAINT uq_settlement_file_digest;
CREATE INDEX ix_settlement_file_digest ON settlement_file (digest);
ALTER TABLE settlement_file
    ADD COLUMN first_day DATE,
    ADD COLUMN withdrawal_asked_by TEXT,
    ADD COLUMN withdrawal_reason TEXT,
    ADD COLUMN withdrawal_asked_at TIMESTAMPTZ,
    ADD COLUMN withdrawn_by TEXT,
    ADD COLUMN withdrawn_at TIMESTAMPTZ;
UPDATE settlement_file SET first_day = day;
ALTER TABLE settlement_file
    ALTER COLUMN first_day SET NOT NULL,
    ADD CONSTRAINT ck_settlement_file_days CHECK (first_day <= day),
    ADD CONSTRAINT ck_settlement_file_asked CHECK (
        num_nonnulls(withdrawal_asked_by, withdrawal_reason, withdrawal_asked_at) IN (0, 3)),
    ADD CONSTRAINT ck_settlement_file_two_people CHECK (
        num_nonnulls(withdrawn_by, withdrawn_at) = 0 OR (num_nonnulls(withdrawn_by, withdrawn_at,
            withdrawal_asked_by) = 3 AND person_key(withdrawn_by) <> person_key(withdrawal_asked_by)));

ALTER TABLE reconciliation_break ADD COLUMN reference TEXT;
ALTER TABLE reconciliation_break DROP CONSTRAINT ck_reconciliation_break_kind;
ALTER TABLE reconciliation_break ADD CONSTRAINT ck_reconciliation_break_kind
    CHECK (kind IN ('missing_here', 'missing_there', 'amount_differs', 'duplicate', 'other_agent',
        'reversed_there', 'reversed_here', 'other_amount_sent', 'posting_refused',
        'reversal_asked', 'not_owed'));
CREATE INDEX ix_reconciliation_break_reference ON reconciliation_break (network, reference);
CREATE INDEX ix_reconciliation_break_code ON reconciliation_break (code);

CREATE TABLE network_payment (
    network TEXT NOT NULL,
    reference TEXT NOT NULL,
    code TEXT NOT NULL,
    amount_centimes BIGINT NOT NULL,
    paid_at TIMESTAMPTZ NOT NULL,
    agent_number TEXT,
    terminal TEXT,
    status TEXT NOT NULL,
    first_file_id BIGINT NOT NULL,
    first_line INTEGER NOT NULL,
    file_id BIGINT NOT NULL,
    line INTEGER NOT NULL,
    break_id BIGINT,
    CONSTRAINT pk_network_payment PRIMARY KEY (network, reference),
    CONSTRAINT fk_network_payment_line FOREIGN KEY (file_id, line)
        REFERENCES settlement_line (file_id, line),
    CONSTRAINT fk_network_payment_break_id FOREIGN KEY (break_id)
        REFERENCES reconciliation_break (id),
    CONSTRAINT ck_network_payment_status CHECK (status IN ('paid', 'reversed', 'withdrawn')),
    CONSTRAINT ck_network_payment_amount CHECK (amount_centimes > 0),
    CONSTRAINT ck_network_payment_reference CHECK (
        char_length(reference) BETWEEN 1 AND 128 AND reference = btrim(reference))
);
CREATE INDEX ix_network_payment_code ON network_payment (network, code);
CREATE INDEX ix_network_payment_file_id ON network_payment (file_id);
CREATE UNIQUE INDEX uq_network_payment_break_id ON network_payment (break_id)
    WHERE break_id IS NOT NULL;

-- What files told before: the last line of each reference, and its first.
INSERT INTO network_payment (network, reference, code, amount_centimes, paid_at, agent_number,
    terminal, status, first_file_id, first_line, file_id, line)
SELECT DISTINCT ON (f.network, l.reference) f.network, l.reference, l.code, l.amount_centimes,
    l.paid_at, l.agent_number, l.terminal, l.status,
    first_value(l.file_id) OVER told, first_value(l.line) OVER told, l.file_id, l.line
FROM settlement_line l JOIN settlement_file f ON f.id = l.file_id
WINDOW told AS (PARTITION BY f.network, l.reference ORDER BY l.file_id, l.line)
ORDER BY f.network, l.reference, l.file_id DESC, l.line DESC;

-- A break of a line that was not the first of its reference was opened by repetition.
ALTER TABLE reconciliation_break DISABLE TRIGGER reconciliation_break_change;
UPDATE reconciliation_break b SET reference = b.details ->> 'reference'
WHERE b.file_id IS NOT NULL AND EXISTS (SELECT 1 FROM network_payment p
    WHERE p.network = b.network AND p.reference = b.details ->> 'reference'
        AND (p.first_file_id, p.first_line) = (b.file_id, b.line));
ALTER TABLE reconciliation_break ENABLE TRIGGER reconciliation_break_change;
UPDATE network_payment p SET break_id = b.id FROM reconciliation_break b
WHERE b.network = p.network AND b.reference = p.reference AND b.state <> 'closed';

CREATE UNIQUE INDEX uq_reconciliation_break_waiting ON reconciliation_break (network, reference)
    WHERE reference IS NOT NULL AND state IN ('open', 'proposed');
CREATE UNIQUE INDEX uq_reconciliation_break_missing_there ON reconciliation_break (receipt_number)
    WHERE kind = 'missing_there' AND state IN ('open', 'proposed');

-- A resolution books what the network says by now, and nothing that was corrected since.
CREATE FUNCTION check_charge_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told bigint;
BEGIN
    SELECT amount_centimes INTO told FROM network_payment
        WHERE network = NEW.network AND reference = NEW.reference AND status = 'paid';
    IF coalesce(NEW.their_centimes, 0) > coalesce(told, 0) THEN
        RAISE EXCEPTION 'break % charges more than the network says', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER reconciliation_break_owed BEFORE UPDATE ON reconciliation_break
    FOR EACH ROW WHEN (NEW.state = 'resolved' AND NEW.reference IS NOT NULL
        AND NEW.transaction_id IS NOT NULL)
    EXECUTE FUNCTION check_charge_told();

-- A payment that was told is never forgotten.
CREATE TRIGGER network_payment_kept BEFORE DELETE ON network_payment
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
