-- Payment codes, deposits, and the months a deposit is allocated to.

CREATE TABLE payment_code (
    code TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    phone TEXT,
    state TEXT DEFAULT 'issued' NOT NULL,
    contribution_centimes BIGINT NOT NULL,
    penalty_centimes BIGINT NOT NULL,
    fee_centimes BIGINT NOT NULL,
    total_centimes BIGINT NOT NULL,
    currency TEXT DEFAULT 'MAD' NOT NULL,
    first_period DATE NOT NULL,
    last_period DATE NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    CONSTRAINT pk_payment_code PRIMARY KEY (code),
    CONSTRAINT fk_payment_code_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_payment_code_code CHECK (code ~ '^[1-9][0-9]{11}$'),
    CONSTRAINT ck_payment_code_state
        CHECK (state IN ('issued', 'paid', 'expired', 'cancelled', 'reversed')),
    CONSTRAINT ck_payment_code_ended CHECK ((state = 'issued') = (ended_at IS NULL)),
    CONSTRAINT ck_payment_code_contribution CHECK (contribution_centimes > 0),
    CONSTRAINT ck_payment_code_penalty_fee CHECK (penalty_centimes >= 0 AND fee_centimes >= 0),
    CONSTRAINT ck_payment_code_total
        CHECK (total_centimes = contribution_centimes + penalty_centimes + fee_centimes),
    CONSTRAINT ck_payment_code_currency CHECK (currency = 'MAD'),
    CONSTRAINT ck_payment_code_periods CHECK (first_period <= last_period),
    CONSTRAINT ck_payment_code_expires CHECK (expires_at > issued_at)
);
CREATE INDEX ix_payment_code_artisan_id ON payment_code (artisan_id);
CREATE INDEX ix_payment_code_expiring ON payment_code (expires_at) WHERE state = 'issued';
CREATE UNIQUE INDEX uq_payment_code_live ON payment_code (artisan_id) WHERE state = 'issued';

CREATE TABLE payment_code_line (
    code TEXT NOT NULL,
    period DATE NOT NULL,
    contribution_centimes BIGINT NOT NULL,
    penalty_centimes BIGINT NOT NULL,
    CONSTRAINT pk_payment_code_line PRIMARY KEY (code, period),
    CONSTRAINT fk_payment_code_line_code FOREIGN KEY (code) REFERENCES payment_code (code),
    CONSTRAINT ck_payment_code_line_amounts
        CHECK (contribution_centimes > 0 AND penalty_centimes >= 0),
    CONSTRAINT ck_payment_code_line_period CHECK (extract(day FROM period) = 1)
);

-- Phones that get the receipt beside the one that asked first: the payer's and the artisan's, where
-- one pays for another.
CREATE TABLE receipt_recipient (
    code TEXT NOT NULL,
    phone TEXT NOT NULL,
    language TEXT NOT NULL,
    CONSTRAINT pk_receipt_recipient PRIMARY KEY (code, phone),
    CONSTRAINT fk_receipt_recipient_code FOREIGN KEY (code) REFERENCES payment_code (code),
    CONSTRAINT ck_receipt_recipient_phone CHECK (phone ~ '^[+][0-9]{8,15}$')
);

CREATE SEQUENCE receipt_serial START WITH 1000001;

CREATE TABLE deposit (
    receipt_number TEXT NOT NULL,
    code TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    agent_id BIGINT,
    agency_code TEXT,
    network TEXT NOT NULL,
    agent_number TEXT,
    terminal TEXT,
    channel TEXT NOT NULL,
    client_id TEXT,
    network_reference TEXT,
    total_centimes BIGINT NOT NULL,
    currency TEXT DEFAULT 'MAD' NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_deposit PRIMARY KEY (receipt_number),
    CONSTRAINT uq_deposit_code UNIQUE (code),
    CONSTRAINT fk_deposit_code FOREIGN KEY (code) REFERENCES payment_code (code),
    CONSTRAINT fk_deposit_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT fk_deposit_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id),
    CONSTRAINT fk_deposit_agency_code FOREIGN KEY (agency_code) REFERENCES agency (code),
    CONSTRAINT fk_deposit_network FOREIGN KEY (network) REFERENCES agent_network (code),
    CONSTRAINT fk_deposit_client_id FOREIGN KEY (client_id) REFERENCES api_client (id),
    CONSTRAINT ck_deposit_receipt_number CHECK (receipt_number ~ '^[0-9]{8,12}$'),
    CONSTRAINT ck_deposit_total CHECK (total_centimes > 0),
    CONSTRAINT ck_deposit_currency CHECK (currency = 'MAD'),
    CONSTRAINT ck_deposit_channel CHECK (channel IN ('page', 'phone', 'api', 'file')),
    CONSTRAINT ck_deposit_agency CHECK (agent_id IS NULL OR agency_code IS NOT NULL),
    CONSTRAINT ck_deposit_client CHECK ((channel = 'api') = (client_id IS NOT NULL))
);
CREATE INDEX ix_deposit_agency_code_received_at ON deposit (agency_code, received_at);
CREATE INDEX ix_deposit_agent_id_received_at ON deposit (agent_id, received_at);
CREATE INDEX ix_deposit_artisan_id ON deposit (artisan_id);
CREATE INDEX ix_deposit_client_id_received_at ON deposit (client_id, received_at);
CREATE INDEX ix_deposit_network_received_at ON deposit (network, received_at);

CREATE TABLE contribution_allocation (
    artisan_id BIGINT NOT NULL,
    period DATE NOT NULL,
    receipt_number TEXT NOT NULL,
    contribution_centimes BIGINT NOT NULL,
    penalty_centimes BIGINT NOT NULL,
    sent_at TIMESTAMPTZ,
    posted_on DATE,
    CONSTRAINT pk_contribution_allocation PRIMARY KEY (artisan_id, period),
    CONSTRAINT fk_contribution_allocation_artisan_id FOREIGN KEY (artisan_id)
        REFERENCES artisan (id),
    CONSTRAINT fk_contribution_allocation_receipt_number FOREIGN KEY (receipt_number)
        REFERENCES deposit (receipt_number),
    CONSTRAINT ck_contribution_allocation_amounts
        CHECK (contribution_centimes > 0 AND penalty_centimes >= 0),
    CONSTRAINT ck_contribution_allocation_period CHECK (extract(day FROM period) = 1),
    CONSTRAINT ck_contribution_allocation_posted CHECK (posted_on IS NULL OR sent_at IS NOT NULL)
);
CREATE INDEX ix_contribution_allocation_receipt_number ON contribution_allocation (receipt_number);
CREATE INDEX ix_contribution_allocation_unsent ON contribution_allocation (receipt_number)
    WHERE sent_at IS NULL;

-- Deposits undone: cash given back on the day, or by two people of the back office later.
CREATE TABLE reversal (
    receipt_number TEXT NOT NULL,
    reversed_at TIMESTAMPTZ NOT NULL,
    channel TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    approved_by TEXT,
    CONSTRAINT pk_reversal PRIMARY KEY (receipt_number),
    CONSTRAINT fk_reversal_receipt_number FOREIGN KEY (receipt_number)
        REFERENCES deposit (receipt_number),
    CONSTRAINT ck_reversal_channel CHECK (channel IN ('page', 'api', 'office')),
    CONSTRAINT ck_reversal_approved CHECK ((channel = 'office') = (approved_by IS NOT NULL)),
    CONSTRAINT ck_reversal_two_people CHECK (lower(approved_by) <> lower(made_by)),
    CONSTRAINT ck_reversal_reason CHECK (char_length(reason) BETWEEN 1 AND 200)
);

-- Days closed by agents after counting the cash; of several closes of a day the last one counts.
CREATE TABLE till_close (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    agent_id BIGINT NOT NULL,
    day DATE NOT NULL,
    deposits BIGINT NOT NULL,
    total_centimes BIGINT NOT NULL,
    closed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_till_close PRIMARY KEY (id),
    CONSTRAINT fk_till_close_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id)
);
CREATE INDEX ix_till_close_agent_id_day ON till_close (agent_id, day);

-- The receipt given for an idempotency key: the same request again gets the same receipt.
CREATE TABLE idempotency_key (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest BYTEA NOT NULL,
    receipt_number TEXT NOT NULL,
    answered_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (scope, key),
    CONSTRAINT fk_idempotency_key_receipt_number FOREIGN KEY (receipt_number)
        REFERENCES deposit (receipt_number)
);

-- A code's amounts and periods are those of its lines.
CREATE FUNCTION check_code_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong boolean;
BEGIN
    SELECT count(l.code) = 0
        OR sum(l.contribution_centimes) <> c.contribution_centimes
        OR sum(l.penalty_centimes) <> c.penalty_centimes
        OR min(l.period) <> c.first_period
        OR max(l.period) <> c.last_period
        INTO wrong
        FROM payment_code c LEFT JOIN payment_code_line l ON l.code = c.code
        WHERE c.code = NEW.code GROUP BY c.code;
    IF wrong THEN
        RAISE EXCEPTION 'the lines of a payment code do not make its amounts'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payment_code_lines AFTER INSERT ON payment_code
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_code_lines();
CREATE CONSTRAINT TRIGGER payment_code_line_sums AFTER INSERT ON payment_code_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_code_lines();

-- A code changes nothing but its state, and only in the order of a payment.
CREATE FUNCTION check_code_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- From expired to paid only for cash of a moment at which the code was live.
    IF NOT (
            (OLD.state = 'issued' AND NEW.state IN ('paid', 'expired', 'cancelled'))
            OR (OLD.state = 'expired' AND NEW.state = 'paid' AND NEW.ended_at < OLD.expires_at)
            OR (OLD.state = 'paid' AND NEW.state = 'reversed'))
       OR (to_jsonb(NEW) - 'state' - 'ended_at') <> (to_jsonb(OLD) - 'state' - 'ended_at') THEN
        RAISE EXCEPTION 'a payment code does not go from % to %, nor change', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payment_code_change BEFORE UPDATE ON payment_code
    FOR EACH ROW EXECUTE FUNCTION check_code_change();
CREATE TRIGGER payment_code_kept BEFORE DELETE ON payment_code
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A paid code has one deposit, allocated and booked; a reversed one has nothing left in the books.
CREATE FUNCTION check_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked text;
    wrong boolean;
BEGIN
    IF TG_TABLE_NAME = 'contribution_allocation' OR TG_TABLE_NAME = 'reversal' THEN
        SELECT code INTO checked FROM deposit
            WHERE receipt_number = coalesce(NEW.receipt_number, OLD.receipt_number);
    ELSE
        checked := NEW.code;
    END IF;
    -- One deposit for a code paid or reversed, none for any other; a reversal for a reversed one.
    SELECT (c.state IN ('paid', 'reversed')) <> (d.code IS NOT NULL)
        OR (c.state = 'reversed') <> (r.receipt_number IS NOT NULL)
        OR (d.code IS NOT NULL AND (
            d.artisan_id <> c.artisan_id
            OR d.received_at >= c.expires_at
            -- Its allocated months are lines of this code, or none once it is reversed.
            OR EXISTS (
                (SELECT period, contribution_centimes, penalty_centimes, artisan_id
                    FROM contribution_allocation WHERE receipt_number = d.receipt_number
                 EXCEPT
                 SELECT period, contribution_centimes, penalty_centimes, c.artisan_id
                    FROM payment_code_line WHERE code = c.code AND c.state = 'paid'))
            -- The cash is the sum of the allocated months, the fee, and the part in suspense.
            OR (c.state = 'paid' AND d.total_centimes - c.fee_centimes IS DISTINCT FROM (
                SELECT sum(contribution_centimes + penalty_centimes)
                    FROM contribution_allocation WHERE receipt_number = d.receipt_number)
                - (SELECT coalesce(sum(l.amount_centimes), 0) FROM ledger_line l
                    JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.reference = d.receipt_number AND t.event = 'deposit'
                      AND l.account = 'suspense'))
            OR d.total_centimes IS DISTINCT FROM (
                SELECT sum(l.amount_centimes) FROM ledger_line l
                    JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.reference = d.receipt_number AND t.event = 'deposit'
                      AND l.account = 'agent_network_receivable')
            -- A reversed deposit leaves nothing in the books.
            OR (c.state = 'reversed' AND EXISTS (
                SELECT 1 FROM ledger_line l JOIN ledger_transaction t ON t.id = l.transaction_id
                    WHERE t.reference = d.receipt_number
                    GROUP BY l.account HAVING sum(l.amount_centimes) <> 0))))
        INTO wrong
        FROM payment_code c
        LEFT JOIN deposit d ON d.code = c.code
        LEFT JOIN reversal r ON r.receipt_number = d.receipt_number
        WHERE c.code = checked;
    IF wrong THEN
        RAISE EXCEPTION 'a paid code has one deposit, allocated and booked; a reversed one nothing'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER payment_code_paid AFTER UPDATE ON payment_code
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();
CREATE CONSTRAINT TRIGGER deposit_complete AFTER INSERT ON deposit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();
CREATE CONSTRAINT TRIGGER contribution_allocation_of_deposit
    AFTER INSERT OR DELETE ON contribution_allocation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();
CREATE CONSTRAINT TRIGGER reversal_complete AFTER INSERT ON reversal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_deposit();

-- An allocated month changes only in its days at CNSS, and is deleted only by a reversal.
CREATE FUNCTION check_allocation_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM reversal WHERE receipt_number = OLD.receipt_number) THEN
            RAISE EXCEPTION 'an allocated month is given back by a reversal only'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (to_jsonb(NEW) - 'sent_at' - 'posted_on') <> (to_jsonb(OLD) - 'sent_at' - 'posted_on')
       OR (OLD.posted_on IS NOT NULL AND NEW.posted_on IS DISTINCT FROM OLD.posted_on) THEN
        RAISE EXCEPTION 'an allocated month does not change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER contribution_allocation_change BEFORE UPDATE OR DELETE ON contribution_allocation
    FOR EACH ROW EXECUTE FUNCTION check_allocation_change();
CREATE TRIGGER contribution_allocation_not_emptied BEFORE TRUNCATE ON contribution_allocation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER payment_code_line_kept BEFORE UPDATE OR DELETE ON payment_code_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_code_line_not_emptied BEFORE TRUNCATE ON payment_code_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_kept BEFORE UPDATE OR DELETE ON deposit
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deposit_not_emptied BEFORE TRUNCATE ON deposit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reversal_kept BEFORE UPDATE OR DELETE ON reversal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reversal_not_emptied BEFORE TRUNCATE ON reversal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER till_close_kept BEFORE UPDATE OR DELETE ON till_close
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER till_close_not_emptied BEFORE TRUNCATE ON till_close
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
