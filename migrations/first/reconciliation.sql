-- Files: agent networks' settlement, and the payments CNSS is to post with its answers.

CREATE TABLE settlement_file (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    network TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BYTEA NOT NULL,
    day DATE NOT NULL,
    lines INTEGER NOT NULL,
    report JSONB DEFAULT '{}'::jsonb NOT NULL,
    matched_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_settlement_file PRIMARY KEY (id),
    CONSTRAINT uq_settlement_file_digest UNIQUE (digest),
    CONSTRAINT fk_settlement_file_network FOREIGN KEY (network) REFERENCES agent_network (code),
    CONSTRAINT ck_settlement_file_lines CHECK (lines > 0)
);
CREATE INDEX ix_settlement_file_day ON settlement_file (network, day);

CREATE TABLE settlement_line (
    file_id BIGINT NOT NULL,
    line INTEGER NOT NULL,
    reference TEXT NOT NULL,
    code TEXT NOT NULL,
    amount_centimes BIGINT NOT NULL,
    paid_at TIMESTAMPTZ NOT NULL,
    agent_number TEXT,
    terminal TEXT,
    status TEXT NOT NULL,
    CONSTRAINT pk_settlement_line PRIMARY KEY (file_id, line),
    CONSTRAINT fk_settlement_line_file_id FOREIGN KEY (file_id) REFERENCES settlement_file (id),
    CONSTRAINT ck_settlement_line_status CHECK (status IN ('paid', 'reversed')),
    CONSTRAINT ck_settlement_line_amount CHECK (amount_centimes > 0)
);
CREATE INDEX ix_settlement_line_code ON settlement_line (code);
CREATE INDEX ix_settlement_line_reference ON settlement_line (reference);

-- Files of payments for CNSS to post; a name is never given twice.
CREATE TABLE cnss_batch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    through DATE NOT NULL,
    lines INTEGER NOT NULL,
    total_centimes BIGINT NOT NULL,
    content TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_cnss_batch PRIMARY KEY (id),
    CONSTRAINT uq_cnss_batch_name UNIQUE (name)
);

CREATE TABLE cnss_line (
    batch_id BIGINT NOT NULL,
    line INTEGER NOT NULL,
    receipt_number TEXT NOT NULL,
    period DATE NOT NULL,
    status TEXT NOT NULL,
    attempt SMALLINT NOT NULL,
    contribution_centimes BIGINT NOT NULL,
    penalty_centimes BIGINT NOT NULL,
    answer TEXT,
    answered_on DATE,
    reason TEXT,
    CONSTRAINT pk_cnss_line PRIMARY KEY (batch_id, line),
    CONSTRAINT uq_cnss_line_sent UNIQUE (receipt_number, period, status, attempt),
    CONSTRAINT fk_cnss_line_batch_id FOREIGN KEY (batch_id) REFERENCES cnss_batch (id),
    CONSTRAINT fk_cnss_line_receipt_number FOREIGN KEY (receipt_number)
        REFERENCES deposit (receipt_number),
    CONSTRAINT ck_cnss_line_status CHECK (status IN ('paid', 'reversed')),
    CONSTRAINT ck_cnss_line_answer CHECK (answer IN ('posted', 'refused')),
    CONSTRAINT ck_cnss_line_answered_on CHECK ((answer IS NULL) = (answered_on IS NULL))
);

CREATE TABLE cnss_answer (
    digest BYTEA NOT NULL,
    name TEXT NOT NULL,
    report JSONB NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_cnss_answer PRIMARY KEY (digest)
);

CREATE TRIGGER settlement_line_kept BEFORE UPDATE OR DELETE ON settlement_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_line_not_emptied BEFORE TRUNCATE ON settlement_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
