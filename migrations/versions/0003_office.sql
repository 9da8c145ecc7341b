-- Who works at the office, and how a name reads whatever its spelling.

CREATE FUNCTION person_key(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(
        lower(translate(
            lower(normalize(name, NFKC)),
            'авекмнорстухіјѕАВЕКМНОРСТУХІЈЅαβεικμνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ',
            'abekmhopctyxijsabekmhopctyxijsabeikmvoptuxabezhikmnoptyx')),
        '[[:space:].''_-]+', '', 'g')
$$;

CREATE TABLE office_user (
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    role TEXT NOT NULL,
    region TEXT,
    network TEXT,
    desk TEXT,
    password_hash TEXT NOT NULL,
    one_time_until TIMESTAMPTZ,
    wrong_secrets SMALLINT DEFAULT 0 NOT NULL,
    pauses SMALLINT DEFAULT 0 NOT NULL,
    paused_until TIMESTAMPTZ,
    sample BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    dismissed_at TIMESTAMPTZ,
    CONSTRAINT pk_office_user PRIMARY KEY (name),
    CONSTRAINT uq_office_user_name_key UNIQUE (name_key),
    CONSTRAINT fk_office_user_network FOREIGN KEY (network) REFERENCES agent_network (code),
    CONSTRAINT ck_office_user_role
        CHECK (role IN ('analyst', 'chamber', 'wafacash', 'cnss', 'helpdesk', 'operator', 'auditor',
            'office')),
    CONSTRAINT ck_office_user_office_is_a_sample CHECK (role <> 'office' OR sample),
    CONSTRAINT ck_office_user_region CHECK ((role = 'chamber') = (region IS NOT NULL)),
    CONSTRAINT ck_office_user_network CHECK ((role = 'wafacash') = (network IS NOT NULL)),
    CONSTRAINT ck_office_user_name CHECK (char_length(name) BETWEEN 2 AND 60),
    CONSTRAINT ck_office_user_wrong_secrets CHECK (wrong_secrets >= 0 AND pauses >= 0)
);

CREATE TABLE office_seat (
    seat TEXT NOT NULL,
    name TEXT NOT NULL,
    signed_in_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_office_seat PRIMARY KEY (seat, name),
    CONSTRAINT fk_office_seat_name FOREIGN KEY (name) REFERENCES office_user (name)
);
