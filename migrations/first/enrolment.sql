-- Artisans, their phones and PINs, what CNSS says of their rights and family.

CREATE TABLE artisan (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    rna_number TEXT NOT NULL,
    cnss_number TEXT,
    cin_digest BYTEA,
    full_name TEXT NOT NULL,
    full_name_ar TEXT,
    birth_date DATE NOT NULL,
    phone TEXT,
    language TEXT NOT NULL,
    category TEXT NOT NULL,
    coefficient NUMERIC(4, 2),
    annual_tax_centimes BIGINT,
    trade TEXT,
    region TEXT,
    province TEXT,
    enrolled_on DATE,
    rights_until DATE,
    rights_as_of DATE NOT NULL,
    CONSTRAINT pk_artisan PRIMARY KEY (id),
    CONSTRAINT uq_artisan_cnss_number UNIQUE (cnss_number),
    CONSTRAINT uq_artisan_rna_number UNIQUE (rna_number),
    CONSTRAINT uq_artisan_cin_digest UNIQUE (cin_digest),
    CONSTRAINT ck_artisan_cnss_number CHECK (cnss_number ~ '^[0-9]{9}$'),
    CONSTRAINT ck_artisan_phone CHECK (phone ~ '^[+][0-9]{8,15}$'),
    CONSTRAINT ck_artisan_language CHECK (language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$'),
    CONSTRAINT ck_artisan_category CHECK (category ~ '^[A-Z]$'),
    CONSTRAINT ck_artisan_coefficient CHECK (coefficient > 0),
    CONSTRAINT ck_artisan_annual_tax CHECK (annual_tax_centimes >= 0),
    CONSTRAINT ck_artisan_cin_digest CHECK (octet_length(cin_digest) = 32)
);
CREATE INDEX ix_artisan_phone ON artisan (phone);

-- A person may have two phones, a phone may serve two persons (docs/rules.md, Identifiers).
CREATE TABLE artisan_phone (
    phone TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    identified_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_artisan_phone PRIMARY KEY (phone, artisan_id),
    CONSTRAINT fk_artisan_phone_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_artisan_phone_phone CHECK (phone ~ '^[+][0-9]{8,15}$')
);
CREATE INDEX ix_artisan_phone_artisan_id ON artisan_phone (artisan_id);

CREATE TABLE phone_profile (
    phone TEXT NOT NULL,
    language TEXT NOT NULL,
    CONSTRAINT pk_phone_profile PRIMARY KEY (phone),
    CONSTRAINT ck_phone_profile_language CHECK (language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$')
);

CREATE TABLE identification_attempt (
    phone TEXT NOT NULL,
    day DATE NOT NULL,
    kind TEXT DEFAULT 'identify' NOT NULL,
    tries SMALLINT NOT NULL,
    taken_by TEXT NOT NULL,
    CONSTRAINT pk_identification_attempt PRIMARY KEY (phone, day, kind)
);

-- An artisan who has set a PIN types it before anything personal is shown. A forgotten PIN is reset
-- on the phone it was set on (`set_on`) and on no other.
CREATE TABLE artisan_pin (
    artisan_id BIGINT NOT NULL,
    pin_hash TEXT NOT NULL,
    set_on TEXT NOT NULL,
    set_at TIMESTAMPTZ NOT NULL,
    wrong_pins SMALLINT DEFAULT 0 NOT NULL,
    paused_until TIMESTAMPTZ,
    tried_by TEXT,
    CONSTRAINT pk_artisan_pin PRIMARY KEY (artisan_id),
    CONSTRAINT fk_artisan_pin_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_artisan_pin_wrong_pins CHECK (wrong_pins BETWEEN 0 AND 2)
);

CREATE TABLE pin_reset (
    artisan_id BIGINT NOT NULL,
    code_digest BYTEA NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    tries_left SMALLINT NOT NULL,
    asked_by TEXT NOT NULL,
    CONSTRAINT pk_pin_reset PRIMARY KEY (artisan_id),
    CONSTRAINT fk_pin_reset_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_pin_reset_tries_left CHECK (tries_left >= 0)
);

-- The family the artisan's rights cover, in numbers: no names are stored.
CREATE TABLE family_cover (
    artisan_id BIGINT NOT NULL,
    spouses SMALLINT NOT NULL,
    children SMALLINT NOT NULL,
    as_of DATE NOT NULL,
    CONSTRAINT pk_family_cover PRIMARY KEY (artisan_id),
    CONSTRAINT fk_family_cover_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_family_cover_spouses CHECK (spouses BETWEEN 0 AND 4),
    CONSTRAINT ck_family_cover_children CHECK (children BETWEEN 0 AND 40)
);

-- The file of an artisan who asked to be enrolled in AMO and is not yet; if nothing is missing,
-- CNSS examines it.
CREATE TABLE enrolment_file (
    artisan_id BIGINT NOT NULL,
    missing TEXT[] NOT NULL,
    as_of DATE NOT NULL,
    CONSTRAINT pk_enrolment_file PRIMARY KEY (artisan_id),
    CONSTRAINT fk_enrolment_file_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT ck_enrolment_file_missing CHECK (missing <@ ARRAY['cin', 'card', 'form', 'tax'])
);
