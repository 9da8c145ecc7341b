-- Agent networks: towns, agencies in them, the agents at their tills, the networks' own systems.

-- Loaded from app/agents/towns.csv; regions are those of regions.csv.
CREATE TABLE town (
    code TEXT NOT NULL,
    region TEXT NOT NULL,
    latin TEXT NOT NULL,
    arabic TEXT NOT NULL,
    tifinagh TEXT NOT NULL,
    CONSTRAINT pk_town PRIMARY KEY (code),
    CONSTRAINT ck_town_code CHECK (code ~ '^[a-z][a-z-]{1,31}$')
);
CREATE INDEX ix_town_region ON town (region);

-- A network collects the cash; the first one is at the end of this file.
CREATE TABLE agent_network (
    code TEXT NOT NULL,
    shown_name TEXT NOT NULL,
    file_format TEXT NOT NULL,
    other_amounts BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_agent_network PRIMARY KEY (code),
    CONSTRAINT ck_agent_network_code CHECK (code ~ '^[a-z][a-z0-9-]{1,15}$'),
    CONSTRAINT ck_agent_network_shown_name CHECK (char_length(shown_name) BETWEEN 1 AND 20),
    CONSTRAINT ck_agent_network_file_format CHECK (file_format ~ '^[a-z][a-z0-9-]{1,31}$')
);

CREATE TABLE agency (
    code TEXT NOT NULL,
    network TEXT NOT NULL,
    name TEXT NOT NULL,
    town TEXT NOT NULL,
    town_code TEXT,
    address TEXT,
    weekday_opens TIME,
    weekday_closes TIME,
    saturday_opens TIME,
    saturday_closes TIME,
    float_limit_centimes BIGINT,
    active BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT pk_agency PRIMARY KEY (code),
    CONSTRAINT fk_agency_network FOREIGN KEY (network) REFERENCES agent_network (code),
    CONSTRAINT fk_agency_town_code FOREIGN KEY (town_code) REFERENCES town (code),
    CONSTRAINT ck_agency_code CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'),
    CONSTRAINT ck_agency_address CHECK (char_length(address) BETWEEN 1 AND 32),
    CONSTRAINT ck_agency_weekday_both CHECK ((weekday_opens IS NULL) = (weekday_closes IS NULL)),
    CONSTRAINT ck_agency_weekday_hours CHECK (weekday_opens < weekday_closes),
    CONSTRAINT ck_agency_saturday_both
        CHECK ((saturday_opens IS NULL) = (saturday_closes IS NULL)),
    CONSTRAINT ck_agency_saturday_hours CHECK (saturday_opens < saturday_closes),
    CONSTRAINT ck_agency_float_limit CHECK (float_limit_centimes > 0)
);
CREATE INDEX ix_agency_town_code ON agency (town_code);

CREATE TABLE agent (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    number TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    phone TEXT,
    pin_hash TEXT NOT NULL,
    wrong_pins SMALLINT DEFAULT 0 NOT NULL,
    locked_until TIMESTAMPTZ,
    code_limit_centimes BIGINT,
    day_limit_centimes BIGINT,
    active BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (id),
    CONSTRAINT uq_agent_number UNIQUE (number),
    CONSTRAINT fk_agent_agency_code FOREIGN KEY (agency_code) REFERENCES agency (code),
    CONSTRAINT ck_agent_number CHECK (number ~ '^[0-9]{3,12}$'),
    CONSTRAINT ck_agent_wrong_pins CHECK (wrong_pins >= 0),
    CONSTRAINT ck_agent_limits CHECK (code_limit_centimes > 0 AND day_limit_centimes > 0)
);
CREATE INDEX ix_agent_agency_code ON agent (agency_code);
CREATE UNIQUE INDEX uq_agent_phone ON agent (phone) WHERE active;

-- A network's system that calls the payments API.
CREATE TABLE api_client (
    id TEXT NOT NULL,
    network TEXT NOT NULL,
    key_digest BYTEA NOT NULL,
    old_key_digest BYTEA,
    old_key_until TIMESTAMPTZ,
    generation SMALLINT DEFAULT 1 NOT NULL,
    requests_a_minute INTEGER DEFAULT 600 NOT NULL,
    day_limit_centimes BIGINT,
    agencies TEXT[],
    addresses TEXT[],
    polling BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT pk_api_client PRIMARY KEY (id),
    CONSTRAINT fk_api_client_network FOREIGN KEY (network) REFERENCES agent_network (code),
    CONSTRAINT ck_api_client_id CHECK (id ~ '^[a-z][a-z0-9-]{2,31}$'),
    CONSTRAINT ck_api_client_key_digest CHECK (octet_length(key_digest) = 32),
    CONSTRAINT ck_api_client_old_key CHECK ((old_key_digest IS NULL) = (old_key_until IS NULL)),
    CONSTRAINT ck_api_client_requests_a_minute CHECK (requests_a_minute > 0),
    CONSTRAINT ck_api_client_day_limit CHECK (day_limit_centimes > 0)
);

INSERT INTO agent_network (code, shown_name, file_format)
VALUES ('wafacash', 'Wafacash', 'wafacash');
