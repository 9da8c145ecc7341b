"""Pictures of figures and long lists: asked for by a page, made by the worker."""

from alembic import op

revision = "0032_pictures_and_reports"
down_revision = "0031_people_of_the_office"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE picture (
        digest TEXT NOT NULL,
        specification TEXT NOT NULL,
        svg TEXT,
        asked_at TIMESTAMPTZ NOT NULL,
        drawn_at TIMESTAMPTZ,
        CONSTRAINT pk_picture PRIMARY KEY (digest),
        CONSTRAINT ck_picture_digest CHECK (digest ~ '^[0-9a-f]{64}$'),
        CONSTRAINT ck_picture_drawn CHECK ((svg IS NULL) = (drawn_at IS NULL))
    );
    CREATE TABLE report_request (
        id BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
        asked_by TEXT NOT NULL,
        kind TEXT NOT NULL,
        format TEXT NOT NULL,
        region TEXT,
        network TEXT,
        state TEXT NOT NULL,
        content BYTEA,
        asked_at TIMESTAMPTZ NOT NULL,
        made_at TIMESTAMPTZ,
        CONSTRAINT pk_report_request PRIMARY KEY (id),
        CONSTRAINT fk_report_request_asked_by FOREIGN KEY (asked_by) REFERENCES office_user (name),
        CONSTRAINT ck_report_request_state CHECK (state IN ('waiting', 'ready', 'failed')),
        CONSTRAINT ck_report_request_format CHECK (format IN ('csv', 'xlsx')),
        CONSTRAINT ck_report_request_made CHECK ((state = 'waiting') = (made_at IS NULL)),
        CONSTRAINT ck_report_request_ready CHECK ((state = 'ready') = (content IS NOT NULL))
    );
    CREATE INDEX ix_report_request_asked_by ON report_request (asked_by, id);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE report_request, picture")
