"""Versions of the menus: given, checked, made live by two people."""

from alembic import op

revision = "0049_menu_versions"
down_revision = "0048_funnel_of_days"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE menu_version (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        version TEXT NOT NULL,
        given_over TEXT NOT NULL,
        name TEXT NOT NULL,
        content BYTEA NOT NULL,
        digest TEXT NOT NULL,
        given_by TEXT NOT NULL,
        given_at TIMESTAMPTZ NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        check_began_at TIMESTAMPTZ,
        checked_at TIMESTAMPTZ,
        faults JSONB NOT NULL DEFAULT '[]'::jsonb,
        CONSTRAINT pk_menu_version PRIMARY KEY (id),
        CONSTRAINT ck_menu_version_state
            CHECK (state IN ('waiting', 'fit', 'unfit', 'refused', 'published')),
        CONSTRAINT ck_menu_version_version
            CHECK (version ~ '^[0-9a-f]{8}$' AND given_over ~ '^[0-9a-f]{8}$'),
        CONSTRAINT ck_menu_version_name CHECK (char_length(name) BETWEEN 1 AND 120),
        CONSTRAINT ck_menu_version_digest CHECK (digest = encode(sha256(content), 'hex')),
        CONSTRAINT ck_menu_version_content CHECK (octet_length(content) <= 2097152),
        CONSTRAINT ck_menu_version_checked CHECK (state NOT IN ('fit', 'published')
            OR (checked_at IS NOT NULL AND faults = '[]'::jsonb)),
        CONSTRAINT ck_menu_version_unfit CHECK (state <> 'unfit' OR faults <> '[]'::jsonb)
    );
    CREATE INDEX ix_menu_version_waiting ON menu_version (id) WHERE state = 'waiting';

    CREATE TABLE menu_publication (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        version_id BIGINT,
        proposed_by TEXT NOT NULL,
        approved_by TEXT,
        reason TEXT,
        published_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_menu_publication PRIMARY KEY (id),
        CONSTRAINT fk_menu_publication_version_id
            FOREIGN KEY (version_id) REFERENCES menu_version (id),
        CONSTRAINT ck_menu_publication_version
            CHECK (approved_by IS NULL OR version_id IS NOT NULL),
        CONSTRAINT ck_menu_publication_reason CHECK ((approved_by IS NULL) = (reason IS NOT NULL)),
        CONSTRAINT ck_menu_publication_reason_length
            CHECK (char_length(reason) BETWEEN 1 AND 300),
        CONSTRAINT ck_menu_publication_two_people
            CHECK (person_key(approved_by) <> person_key(proposed_by))
    );
    CREATE INDEX ix_menu_publication_version_id ON menu_publication (version_id);

    -- Two people make live what was checked, one of them who gave it; one goes back alone, to what
    -- two had made live before.
    CREATE FUNCTION guard_menu_publication() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF NEW.approved_by IS NOT NULL AND NOT EXISTS (SELECT FROM public.menu_version
                WHERE id = NEW.version_id AND state = 'fit' AND given_by = NEW.proposed_by) THEN
            RAISE EXCEPTION 'menus that were not checked do not become live'
                USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.approved_by IS NULL AND NEW.version_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM public.menu_publication
                WHERE version_id = NEW.version_id AND approved_by IS NOT NULL) THEN
            RAISE EXCEPTION 'menus that were never live are no way back'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER menu_publication_guarded BEFORE INSERT ON menu_publication
        FOR EACH ROW EXECUTE FUNCTION guard_menu_publication();
    CREATE TRIGGER menu_publication_kept BEFORE UPDATE OR DELETE ON menu_publication
        FOR EACH ROW EXECUTE FUNCTION refuse_change();

    -- What is checked is what was given, and what was published stays so.
    CREATE FUNCTION guard_menu_version() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.state IN ('refused', 'published')
                OR (NEW.content, NEW.digest, NEW.version, NEW.given_by)
                    IS DISTINCT FROM (OLD.content, OLD.digest, OLD.version, OLD.given_by)
                OR NOT (NEW.state = OLD.state OR NEW.state = 'refused'
                    OR (OLD.state = 'waiting' AND NEW.state IN ('fit', 'unfit'))
                    OR (OLD.state = 'fit' AND NEW.state = 'published')) THEN
            RAISE EXCEPTION 'a version of the menus is kept as it is'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER menu_version_kept BEFORE UPDATE OR DELETE ON menu_version
        FOR EACH ROW EXECUTE FUNCTION guard_menu_version();
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE menu_publication, menu_version")
    op.execute("DROP FUNCTION guard_menu_publication(), guard_menu_version()")
