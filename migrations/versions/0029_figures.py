"""Figures of a month, and what was published of them."""

from alembic import op

revision = "0029_figures"
down_revision = "0028_office_sessions"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE figure (
        month DATE NOT NULL,
        cut TEXT NOT NULL,
        key TEXT NOT NULL,
        measure TEXT NOT NULL,
        value BIGINT NOT NULL,
        CONSTRAINT pk_figure PRIMARY KEY (month, cut, key, measure),
        CONSTRAINT ck_figure_month CHECK (extract(day FROM month) = 1),
        CONSTRAINT ck_figure_value CHECK (value >= 0)
    );
    CREATE TABLE figure_month (
        month DATE NOT NULL,
        made_at TIMESTAMPTZ NOT NULL,
        register_on DATE NOT NULL,
        CONSTRAINT pk_figure_month PRIMARY KEY (month),
        CONSTRAINT ck_figure_month_month CHECK (extract(day FROM month) = 1)
    );
    CREATE TABLE talk_day (
        day DATE NOT NULL,
        language TEXT NOT NULL,
        dialled INTEGER NOT NULL,
        saw_dues INTEGER NOT NULL,
        saw_code INTEGER NOT NULL,
        CONSTRAINT pk_talk_day PRIMARY KEY (day, language),
        CONSTRAINT ck_talk_day_steps
            CHECK (saw_code >= 0 AND saw_dues >= saw_code AND dialled >= saw_dues)
    );
    CREATE TABLE published_month (
        month DATE NOT NULL,
        published_at TIMESTAMPTZ NOT NULL,
        published_by TEXT NOT NULL,
        CONSTRAINT pk_published_month PRIMARY KEY (month),
        CONSTRAINT ck_published_month_month CHECK (extract(day FROM month) = 1)
    );
    CREATE TABLE published_figure (
        month DATE NOT NULL,
        cut TEXT NOT NULL,
        key TEXT NOT NULL,
        measure TEXT NOT NULL,
        value NUMERIC,
        CONSTRAINT pk_published_figure PRIMARY KEY (month, cut, key, measure),
        CONSTRAINT fk_published_figure_month FOREIGN KEY (month) REFERENCES published_month (month)
    );
    CREATE INDEX ix_published_figure_key ON published_figure (cut, key);
    -- A month is published whole, in the transaction that names it, and never touched again.
    CREATE FUNCTION check_published_figure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT xmin::text::bigint FROM published_month WHERE month = NEW.month)
            <> (pg_current_xact_id()::text::bigint % 4294967296) THEN
            RAISE EXCEPTION 'the month % is published already', NEW.month
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    DO $$ BEGIN
        EXECUTE format(
            'ALTER FUNCTION check_published_figure() SET search_path = %I, pg_temp',
            current_schema());
    END $$;
    CREATE TRIGGER published_figure_at_once BEFORE INSERT ON published_figure
        FOR EACH ROW EXECUTE FUNCTION check_published_figure();
    CREATE TRIGGER published_figure_kept BEFORE UPDATE OR DELETE ON published_figure
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER published_figure_not_emptied BEFORE TRUNCATE ON published_figure
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER published_month_kept BEFORE UPDATE OR DELETE ON published_month
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER published_month_not_emptied BEFORE TRUNCATE ON published_month
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(
        "DROP TABLE published_figure, published_month, talk_day,"
        " figure_month, figure; DROP FUNCTION check_published_figure()"
    )
