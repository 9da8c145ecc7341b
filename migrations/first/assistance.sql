-- Requests for help.

CREATE TABLE help_request (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    topic TEXT NOT NULL,
    phone TEXT NOT NULL,
    language TEXT NOT NULL,
    artisan_id BIGINT,
    state TEXT DEFAULT 'open' NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_help_request PRIMARY KEY (id),
    CONSTRAINT uq_help_request_reference UNIQUE (reference),
    CONSTRAINT fk_help_request_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_help_request_reference CHECK (reference ~ '^[1-9][0-9]{6}$'),
    CONSTRAINT ck_help_request_kind CHECK (kind ~ '^[a-z_]{2,32}$'),
    CONSTRAINT ck_help_request_state CHECK (state IN ('open', 'taken', 'done', 'cancelled')),
    CONSTRAINT ck_help_request_phone CHECK (phone ~ '^[+][0-9]{8,15}$'),
    CONSTRAINT ck_help_request_changed_at CHECK (changed_at >= asked_at)
);
CREATE INDEX ix_help_request_phone ON help_request (phone, id);
CREATE INDEX ix_help_request_waiting ON help_request (id) WHERE state IN ('open', 'taken');
CREATE UNIQUE INDEX uq_help_request_waiting ON help_request (phone, kind, topic)
    WHERE state IN ('open', 'taken');
