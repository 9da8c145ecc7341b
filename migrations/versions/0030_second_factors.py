"""Second factors of the office's users, and who they are at a provider of identities."""

from alembic import op

revision = "0030_second_factors"
down_revision = "0029_figures"
branch_labels = None
depends_on = None

_FACTORS = """
    CREATE TABLE office_authenticator (
        name TEXT NOT NULL,
        secret TEXT NOT NULL,
        last_step BIGINT,
        begun_at TIMESTAMPTZ NOT NULL,
        enrolled_at TIMESTAMPTZ,
        CONSTRAINT pk_office_authenticator PRIMARY KEY (name),
        CONSTRAINT fk_office_authenticator_name FOREIGN KEY (name) REFERENCES office_user (name)
    );
    CREATE TABLE office_recovery_code (
        name TEXT NOT NULL,
        position SMALLINT NOT NULL,
        code_digest BYTEA NOT NULL,
        made_at TIMESTAMPTZ NOT NULL,
        used_at TIMESTAMPTZ,
        CONSTRAINT pk_office_recovery_code PRIMARY KEY (name, position),
        CONSTRAINT fk_office_recovery_code_name FOREIGN KEY (name) REFERENCES office_user (name),
        CONSTRAINT ck_office_recovery_code_digest CHECK (octet_length(code_digest) = 32)
    );
    CREATE TABLE office_passkey (
        id BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        credential_id BYTEA NOT NULL,
        public_key BYTEA NOT NULL,
        sign_count BIGINT NOT NULL,
        enrolled_at TIMESTAMPTZ NOT NULL,
        used_at TIMESTAMPTZ,
        CONSTRAINT pk_office_passkey PRIMARY KEY (id),
        CONSTRAINT uq_office_passkey_credential_id UNIQUE (credential_id),
        CONSTRAINT fk_office_passkey_name FOREIGN KEY (name) REFERENCES office_user (name),
        CONSTRAINT ck_office_passkey_label CHECK (char_length(label) BETWEEN 1 AND 40),
        CONSTRAINT ck_office_passkey_credential_id
            CHECK (octet_length(credential_id) BETWEEN 16 AND 1023)
    );
    CREATE UNIQUE INDEX uq_office_passkey_label ON office_passkey (name, label);
    CREATE TABLE office_identity (
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        name TEXT NOT NULL,
        tied_by TEXT NOT NULL,
        tied_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_office_identity PRIMARY KEY (issuer, subject),
        CONSTRAINT fk_office_identity_name FOREIGN KEY (name) REFERENCES office_user (name)
    );
    CREATE UNIQUE INDEX uq_office_identity_name ON office_identity (name, issuer);
    CREATE TABLE office_unknown_name (
        name_digest BYTEA NOT NULL,
        wrong_secrets SMALLINT DEFAULT 0 NOT NULL,
        pauses SMALLINT DEFAULT 0 NOT NULL,
        paused_until TIMESTAMPTZ,
        tried_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_office_unknown_name PRIMARY KEY (name_digest),
        CONSTRAINT ck_office_unknown_name_name_digest CHECK (octet_length(name_digest) = 32)
    );
"""
_SESSIONS = """
    ALTER TABLE office_session
        ADD COLUMN seat TEXT DEFAULT '' NOT NULL,
        ADD COLUMN factor TEXT,
        ADD COLUMN by_provider BOOLEAN DEFAULT false NOT NULL,
        ADD COLUMN challenge BYTEA,
        ADD CONSTRAINT ck_office_session_factor
            CHECK (factor IN ('authenticator', 'passkey', 'recovery_code', 'provider'));
"""


def upgrade() -> None:
    op.execute(_FACTORS)
    op.execute(_SESSIONS)


def downgrade() -> None:
    op.execute(
        "DROP TABLE office_unknown_name, office_identity, office_passkey, office_recovery_code,"
        " office_authenticator"
    )
    op.execute(
        "ALTER TABLE office_session DROP COLUMN seat, DROP COLUMN factor, DROP COLUMN by_provider,"
        " DROP COLUMN challenge"
    )
