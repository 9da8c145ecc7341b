-- Requests to the payments API, and the answers given.

CREATE TABLE api_request (
    client_id TEXT NOT NULL,
    correlation_id UUID NOT NULL,
    server_id UUID NOT NULL,
    request_digest BYTEA NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    body JSONB NOT NULL,
    method TEXT NOT NULL,
    callback_url TEXT,
    state TEXT DEFAULT 'pending' NOT NULL,
    status SMALLINT,
    answer JSONB,
    reference TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    callback_due_at TIMESTAMPTZ,
    callback_attempts SMALLINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_api_request PRIMARY KEY (client_id, correlation_id),
    CONSTRAINT uq_api_request_server_id UNIQUE (server_id),
    CONSTRAINT fk_api_request_client_id FOREIGN KEY (client_id) REFERENCES api_client (id),
    CONSTRAINT ck_api_request_kind CHECK (kind IN ('payment', 'reversal')),
    CONSTRAINT ck_api_request_method CHECK (method IN ('step', 'callback', 'polling')),
    CONSTRAINT ck_api_request_state CHECK (state IN ('pending', 'completed', 'failed')),
    CONSTRAINT ck_api_request_answered CHECK ((state = 'pending') = (answer IS NULL)),
    CONSTRAINT ck_api_request_status CHECK ((answer IS NULL) = (status IS NULL)),
    CONSTRAINT ck_api_request_callback_url
        CHECK ((method = 'callback') = (callback_url IS NOT NULL))
);
CREATE INDEX ix_api_request_calling ON api_request (callback_due_at)
    WHERE callback_due_at IS NOT NULL;
CREATE INDEX ix_api_request_pending ON api_request (created_at) WHERE state = 'pending';
