-- Reimbursements.

CREATE TABLE claim (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    number TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    filed_on DATE NOT NULL,
    state TEXT NOT NULL,
    amount_centimes BIGINT,
    as_of DATE NOT NULL,
    collection TEXT,
    chosen_at TIMESTAMPTZ,
    exported_at TIMESTAMPTZ,
    CONSTRAINT pk_claim PRIMARY KEY (id),
    CONSTRAINT uq_claim_number UNIQUE (number),
    CONSTRAINT fk_claim_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_claim_number CHECK (number ~ '^[A-Z0-9][A-Z0-9/-]{0,15}$'),
    CONSTRAINT ck_claim_state CHECK (state IN ('filed', 'in_review', 'ready', 'paid', 'refused')),
    CONSTRAINT ck_claim_amount CHECK (amount_centimes > 0),
    CONSTRAINT ck_claim_amount_known
        CHECK (state NOT IN ('ready', 'paid') OR amount_centimes IS NOT NULL),
    CONSTRAINT ck_claim_collection CHECK (collection IN ('cash', 'bank')),
    CONSTRAINT ck_claim_chosen_at CHECK ((collection IS NULL) = (chosen_at IS NULL)),
    CONSTRAINT ck_claim_as_of CHECK (as_of >= filed_on)
);
CREATE INDEX ix_claim_artisan ON claim (artisan_id, filed_on);
