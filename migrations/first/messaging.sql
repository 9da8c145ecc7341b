-- SMS messages out and in, delivery reports, opt-outs and consent.

CREATE TABLE message (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    phone TEXT NOT NULL,
    language TEXT NOT NULL,
    body TEXT,
    encoding TEXT NOT NULL,
    units SMALLINT NOT NULL,
    segments SMALLINT NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    priority SMALLINT DEFAULT 0 NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    useful_until TIMESTAMPTZ,
    attempts SMALLINT DEFAULT 0 NOT NULL,
    attempts_here SMALLINT DEFAULT 0 NOT NULL,
    refused_by TEXT[] DEFAULT '{}' NOT NULL,
    maybe_sent_by TEXT,
    resent_unknown SMALLINT DEFAULT 0 NOT NULL,
    leased_until TIMESTAMPTZ,
    provider TEXT,
    provider_reference TEXT,
    sent_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    made_up_at TIMESTAMPTZ,
    error TEXT,
    CONSTRAINT pk_message PRIMARY KEY (id),
    CONSTRAINT uq_message_event_key UNIQUE (event_key),
    CONSTRAINT ck_message_state
        CHECK (state IN ('queued', 'sending', 'sent', 'unknown', 'delivered', 'failed',
            'cancelled', 'unreported')),
    CONSTRAINT ck_message_encoding CHECK (encoding IN ('GSM-7', 'UCS-2')),
    CONSTRAINT ck_message_segments CHECK (units >= 0 AND segments > 0),
    CONSTRAINT ck_message_lease CHECK ((state = 'sending') = (leased_until IS NOT NULL)),
    CONSTRAINT ck_message_ended
        CHECK ((state IN ('delivered', 'failed', 'cancelled',
            'unreported')) = (ended_at IS NOT NULL)),
    CONSTRAINT ck_message_priority CHECK (priority IN (0, 1)),
    CONSTRAINT ck_message_body CHECK (body IS NOT NULL OR ended_at IS NOT NULL)
);
CREATE INDEX ix_message_created_at ON message (created_at);
CREATE INDEX ix_message_ended_at ON message (ended_at) WHERE body IS NOT NULL;
CREATE INDEX ix_message_phone ON message (phone, id);
CREATE INDEX ix_message_sent_at ON message (sent_at);
CREATE INDEX ix_message_undelivered ON message (phone, id)
    WHERE kind = 'receipt' AND state = 'failed' AND made_up_at IS NULL;
CREATE INDEX ix_message_unreported ON message (sent_at) WHERE state IN ('sent', 'unknown');
CREATE INDEX ix_message_waiting ON message (priority, due_at, id)
    WHERE state IN ('queued', 'sending');
CREATE UNIQUE INDEX uq_message_provider_reference ON message (provider, provider_reference);

-- A provider that fails rests, each time longer; when the rest is over one message probes it. A
-- provider without a row was always well.
CREATE TABLE provider_health (
    provider TEXT NOT NULL,
    rests SMALLINT NOT NULL,
    resting_until TIMESTAMPTZ,
    well_since TIMESTAMPTZ,
    probing_until TIMESTAMPTZ,
    reason TEXT NOT NULL,
    CONSTRAINT pk_provider_health PRIMARY KEY (provider),
    CONSTRAINT ck_provider_health_rests CHECK (rests >= 0),
    CONSTRAINT ck_provider_health_well CHECK (resting_until IS NOT NULL OR well_since IS NOT NULL)
);

-- Delivery reports as they came; one may come before the answer to the request.
CREATE TABLE delivery_report (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    provider TEXT NOT NULL,
    provider_reference TEXT NOT NULL,
    message_id BIGINT,
    status TEXT NOT NULL,
    outcome TEXT,
    reason TEXT,
    stopped BOOLEAN DEFAULT false NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    times INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_delivery_report PRIMARY KEY (id),
    CONSTRAINT uq_delivery_report_provider_provider_reference_status
        UNIQUE (provider, provider_reference, status),
    CONSTRAINT ck_delivery_report_outcome CHECK (outcome IN ('on_the_way', 'delivered', 'failed'))
);
CREATE INDEX ix_delivery_report_received_at ON delivery_report (received_at);

-- Phones that opted out at a provider, which writes to them no more.
CREATE TABLE provider_opt_out (
    provider TEXT NOT NULL,
    phone TEXT NOT NULL,
    stopped_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_provider_opt_out PRIMARY KEY (provider, phone),
    CONSTRAINT ck_provider_opt_out_phone CHECK (phone ~ '^[+][0-9]{8,15}$')
);

-- Reminders on or off by phone; a phone without a row gets them.
CREATE TABLE phone_preference (
    phone TEXT NOT NULL,
    reminders BOOLEAN NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    changed_by TEXT DEFAULT 'ussd' NOT NULL,
    CONSTRAINT pk_phone_preference PRIMARY KEY (phone)
);

-- Answers to promotional messages, yes or no (law 09-08); rows are never changed, a phone's newest
-- counts.
CREATE TABLE consent (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    phone TEXT NOT NULL,
    subject TEXT NOT NULL,
    given BOOLEAN NOT NULL,
    language TEXT NOT NULL,
    channel TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    wording TEXT,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_consent PRIMARY KEY (id),
    CONSTRAINT uq_consent_answered_by UNIQUE (answered_by),
    CONSTRAINT ck_consent_subject CHECK (subject IN ('export_news')),
    CONSTRAINT ck_consent_channel CHECK (channel IN ('ussd', 'sms'))
);
CREATE INDEX ix_consent_phone ON consent (phone, subject, id);

-- Messages from phones, with the keyword they were read as; the text itself is not kept.
CREATE TABLE inbound_message (
    provider TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    phone TEXT NOT NULL,
    keyword TEXT,
    answered BOOLEAN DEFAULT false NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_inbound_message PRIMARY KEY (provider, provider_id),
    CONSTRAINT ck_inbound_message_phone CHECK (phone ~ '^[+][0-9]{8,15}$')
);
CREATE INDEX ix_inbound_message_phone ON inbound_message (phone, received_at);
CREATE INDEX ix_inbound_message_received_at ON inbound_message (received_at);

CREATE TRIGGER consent_kept BEFORE UPDATE OR DELETE ON consent
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
