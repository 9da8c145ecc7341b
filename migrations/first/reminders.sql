-- Messages to many: campaigns, their recipients, the cost of a day.

-- A campaign: one step of one month's reminders, or one sending of a notice.
CREATE TABLE campaign (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL,
    useful_until TIMESTAMPTZ NOT NULL,
    step TEXT,
    month DATE,
    deadline DATE,
    pays DATE,
    covered_from DATE,
    notice TEXT,
    texts JSONB,
    region TEXT,
    trade TEXT,
    budget NUMERIC(12, 4),
    spent NUMERIC(12, 4) DEFAULT 0 NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    proposed_by TEXT,
    approved_by TEXT,
    CONSTRAINT pk_campaign PRIMARY KEY (id),
    CONSTRAINT uq_campaign_name UNIQUE (name),
    CONSTRAINT ck_campaign_kind CHECK (kind IN ('reminder', 'notice')),
    CONSTRAINT ck_campaign_state
        CHECK (state IN ('proposed', 'running', 'paused', 'cancelled', 'ended')),
    CONSTRAINT ck_campaign_step CHECK (step IN ('week', 'due', 'rights')),
    CONSTRAINT ck_campaign_reminder
        CHECK (kind <> 'reminder' OR num_nonnulls(step, month, deadline, pays, covered_from) = 5),
    CONSTRAINT ck_campaign_notice
        CHECK (kind <> 'notice' OR num_nonnulls(notice, texts, proposed_by) = 3),
    CONSTRAINT ck_campaign_budget CHECK (spent >= 0 AND spent <= budget AND budget <> 'NaN'),
    CONSTRAINT ck_campaign_two_people CHECK (lower(approved_by) <> lower(proposed_by)),
    CONSTRAINT ck_campaign_approved
        CHECK (kind <> 'notice' OR state IN ('proposed', 'cancelled') OR approved_by IS NOT NULL)
);
CREATE INDEX ix_campaign_at_work ON campaign (useful_until) WHERE state = 'running';

-- Its primary key is the claim: one reminder for an artisan, month and step.
CREATE TABLE campaign_recipient (
    campaign_id BIGINT NOT NULL,
    artisan_id BIGINT NOT NULL,
    phone TEXT NOT NULL,
    language TEXT NOT NULL,
    region TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    message_id BIGINT,
    cost NUMERIC(12, 4),
    decided_at TIMESTAMPTZ,
    CONSTRAINT pk_campaign_recipient PRIMARY KEY (campaign_id, artisan_id),
    CONSTRAINT fk_campaign_recipient_campaign_id FOREIGN KEY (campaign_id)
        REFERENCES campaign (id),
    CONSTRAINT fk_campaign_recipient_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_campaign_recipient_state
        CHECK (state IN ('waiting', 'queued', 'held_out', 'cancelled', 'too_late')),
    CONSTRAINT ck_campaign_recipient_reason
        CHECK (reason IN ('paid', 'stopped', 'not_due', 'campaign_cancelled')),
    CONSTRAINT ck_campaign_recipient_cancelled
        CHECK ((state = 'cancelled') = (reason IS NOT NULL)),
    CONSTRAINT ck_campaign_recipient_queued CHECK (state <> 'queued' OR message_id IS NOT NULL),
    CONSTRAINT ck_campaign_recipient_cost CHECK ((message_id IS NULL) = (cost IS NULL)),
    CONSTRAINT ck_campaign_recipient_decided CHECK (state <> 'waiting' OR decided_at IS NULL)
);
CREATE INDEX ix_campaign_recipient_waiting ON campaign_recipient (campaign_id, artisan_id)
    WHERE state = 'waiting';
CREATE UNIQUE INDEX uq_campaign_recipient_message ON campaign_recipient (message_id)
    WHERE message_id IS NOT NULL;

-- The budget and cost of campaigns by day in Morocco; answers and receipts count nothing.
CREATE TABLE spending_day (
    day DATE NOT NULL,
    budget NUMERIC(12, 4),
    spent NUMERIC(12, 4) DEFAULT 0 NOT NULL,
    reached_at TIMESTAMPTZ,
    CONSTRAINT pk_spending_day PRIMARY KEY (day),
    CONSTRAINT ck_spending_day_budget CHECK (spent >= 0 AND spent <= budget AND budget <> 'NaN')
);
