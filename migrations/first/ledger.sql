-- The books: accounts, transactions and their lines, breaks, the audit. Debits are positive,
-- credits negative. What a reference and the metadata must name is in money_guards.sql.

CREATE TABLE ledger_account (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_ledger_account PRIMARY KEY (code)
);

CREATE TABLE ledger_transaction (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event TEXT NOT NULL,
    reference TEXT,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    made_by TEXT NOT NULL,
    approved_by TEXT,
    occurred_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_ledger_transaction PRIMARY KEY (id),
    CONSTRAINT ck_ledger_transaction_event
        CHECK (event IN ('deposit', 'reversal', 'posting', 'posting_refused', 'posting_again',
            'resolution')),
    CONSTRAINT ck_ledger_transaction_approved
        CHECK (event NOT IN ('resolution', 'posting_again') OR approved_by IS NOT NULL),
    CONSTRAINT ck_ledger_transaction_two_people CHECK (lower(approved_by) <> lower(made_by))
);
CREATE INDEX ix_ledger_transaction_occurred_at ON ledger_transaction (occurred_at);
CREATE INDEX ix_ledger_transaction_reference ON ledger_transaction (reference);
CREATE UNIQUE INDEX uq_ledger_transaction_event ON ledger_transaction (event, reference)
    WHERE event IN ('deposit', 'reversal');

CREATE TABLE ledger_line (
    transaction_id BIGINT NOT NULL,
    position SMALLINT NOT NULL,
    account TEXT NOT NULL,
    amount_centimes BIGINT NOT NULL,
    currency TEXT DEFAULT 'MAD' NOT NULL,
    CONSTRAINT pk_ledger_line PRIMARY KEY (transaction_id, position),
    CONSTRAINT fk_ledger_line_transaction_id FOREIGN KEY (transaction_id)
        REFERENCES ledger_transaction (id),
    CONSTRAINT fk_ledger_line_account FOREIGN KEY (account) REFERENCES ledger_account (code),
    CONSTRAINT ck_ledger_line_amount CHECK (amount_centimes <> 0),
    CONSTRAINT ck_ledger_line_currency CHECK (currency = 'MAD')
);
CREATE INDEX ix_ledger_line_account ON ledger_line (account);

CREATE TABLE audit_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    happened_at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    approved_by TEXT,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_audit_event PRIMARY KEY (id),
    CONSTRAINT ck_audit_event_approved CHECK (action <> 'resolution' OR approved_by IS NOT NULL),
    CONSTRAINT ck_audit_event_two_people CHECK (lower(approved_by) <> lower(actor))
);
CREATE INDEX ix_audit_event_subject ON audit_event (subject, id);

-- A difference between two books, until two people settle it; docs/money.md has each kind.
CREATE TABLE reconciliation_break (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    network TEXT NOT NULL,
    receipt_number TEXT,
    code TEXT,
    our_centimes BIGINT,
    their_centimes BIGINT,
    file_id BIGINT,
    line BIGINT,
    details JSONB DEFAULT '{}'::jsonb NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    owner TEXT,
    method TEXT,
    reason TEXT,
    proposed_by TEXT,
    proposed_at TIMESTAMPTZ,
    approved_by TEXT,
    ended_at TIMESTAMPTZ,
    transaction_id BIGINT,
    audit_event_id BIGINT,
    CONSTRAINT pk_reconciliation_break PRIMARY KEY (id),
    CONSTRAINT uq_reconciliation_break_transaction_id UNIQUE (transaction_id),
    CONSTRAINT uq_reconciliation_break_audit_event_id UNIQUE (audit_event_id),
    CONSTRAINT fk_reconciliation_break_network FOREIGN KEY (network)
        REFERENCES agent_network (code),
    CONSTRAINT fk_reconciliation_break_receipt_number FOREIGN KEY (receipt_number)
        REFERENCES deposit (receipt_number),
    CONSTRAINT fk_reconciliation_break_file_id FOREIGN KEY (file_id)
        REFERENCES settlement_file (id),
    CONSTRAINT fk_reconciliation_break_transaction_id FOREIGN KEY (transaction_id)
        REFERENCES ledger_transaction (id),
    CONSTRAINT fk_reconciliation_break_audit_event_id FOREIGN KEY (audit_event_id)
        REFERENCES audit_event (id),
    CONSTRAINT ck_reconciliation_break_kind
        CHECK (kind IN ('missing_here', 'missing_there', 'amount_differs', 'duplicate',
            'other_agent', 'reversed_there', 'reversed_here', 'other_amount_sent',
            'posting_refused', 'reversal_asked')),
    CONSTRAINT ck_reconciliation_break_state
        CHECK (state IN ('open', 'proposed', 'resolved', 'closed')),
    CONSTRAINT ck_reconciliation_break_ended
        CHECK ((state IN ('resolved', 'closed')) = (ended_at IS NOT NULL)),
    CONSTRAINT ck_reconciliation_break_resolved
        CHECK ((state = 'resolved') = (approved_by IS NOT NULL
            AND num_nonnulls(transaction_id, audit_event_id) = 1)),
    CONSTRAINT ck_reconciliation_break_proposed
        CHECK (state IN ('open', 'closed') OR (proposed_by IS NOT NULL AND method IS NOT NULL
            AND reason IS NOT NULL AND proposed_at IS NOT NULL)),
    CONSTRAINT ck_reconciliation_break_two_people CHECK (lower(approved_by) <> lower(proposed_by))
);
CREATE INDEX ix_reconciliation_break_open ON reconciliation_break (id)
    WHERE state IN ('open', 'proposed');
CREATE INDEX ix_reconciliation_break_receipt_number ON reconciliation_break (receipt_number);

INSERT INTO ledger_account (code, name) VALUES
    ('agent_network_receivable', 'Cash the agent network owes to CNSS'),
    ('contributions_payable', 'Contributions to credit at CNSS'),
    ('penalties_payable', 'Late penalties to credit at CNSS'),
    ('fees_payable', 'Fees of the agent network'),
    ('suspense', 'Cash that belongs to no contribution yet');

-- A ledger transaction has two lines or more, and they sum to zero.
CREATE FUNCTION check_ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint;
    lines bigint;
    balance numeric;
BEGIN
    IF TG_TABLE_NAME = 'ledger_line' THEN
        checked := NEW.transaction_id;
    ELSE
        checked := NEW.id;
    END IF;
    SELECT count(*), coalesce(sum(amount_centimes), 0) INTO lines, balance
        FROM ledger_line WHERE transaction_id = checked;
    IF lines < 2 OR balance <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % has % lines with balance %', checked, lines, balance
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER ledger_line_balance AFTER INSERT ON ledger_line
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();
CREATE CONSTRAINT TRIGGER ledger_transaction_balance AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();

-- A break that has ended stays as it ended.
CREATE FUNCTION check_break_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('resolved', 'closed') OR (NEW.kind, NEW.network, NEW.opened_at)
       IS DISTINCT FROM (OLD.kind, OLD.network, OLD.opened_at) THEN
        RAISE EXCEPTION 'a break that has ended does not change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER reconciliation_break_change BEFORE UPDATE ON reconciliation_break
    FOR EACH ROW EXECUTE FUNCTION check_break_change();
CREATE TRIGGER reconciliation_break_kept BEFORE DELETE ON reconciliation_break
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER ledger_transaction_kept BEFORE UPDATE OR DELETE ON ledger_transaction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transaction_not_emptied BEFORE TRUNCATE ON ledger_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_line_kept BEFORE UPDATE OR DELETE ON ledger_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_line_not_emptied BEFORE TRUNCATE ON ledger_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_event_kept BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_event_not_emptied BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
