"""What the help desk does by two people, and doubles merged into another entry."""

from alembic import op

revision = "0010_desk_acts"
down_revision = "0009_agents_locks_and_sessions"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE artisan ADD COLUMN merged_into BIGINT;
ALTER TABLE artisan ADD CONSTRAINT fk_artisan_merged_into
    FOREIGN KEY (merged_into) REFERENCES artisan (id);
ALTER TABLE artisan ADD CONSTRAINT ck_artisan_merged CHECK (merged_into IS NULL
    OR merged_into <> id AND phone IS NULL AND enrolled_on IS NULL);

-- An act that waits for a second person, or was done by two.
CREATE TABLE desk_act (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    act TEXT NOT NULL,
    artisan_id BIGINT NOT NULL,
    phone TEXT,
    double_id BIGINT,
    proposed_by TEXT NOT NULL,
    proposed_at TIMESTAMPTZ NOT NULL,
    approved_by TEXT,
    done_at TIMESTAMPTZ,
    CONSTRAINT pk_desk_act PRIMARY KEY (id),
    CONSTRAINT fk_desk_act_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
    CONSTRAINT fk_desk_act_double_id FOREIGN KEY (double_id) REFERENCES artisan (id),
    CONSTRAINT ck_desk_act_act CHECK (act IN ('reset_pin', 'prove', 'merge')),
    CONSTRAINT ck_desk_act_phone CHECK ((act = 'prove') = (phone IS NOT NULL)),
    CONSTRAINT ck_desk_act_double CHECK ((act = 'merge') = (double_id IS NOT NULL)),
    CONSTRAINT ck_desk_act_two_records CHECK (double_id <> artisan_id),
    CONSTRAINT ck_desk_act_done CHECK ((done_at IS NULL) = (approved_by IS NULL)),
    CONSTRAINT ck_desk_act_two_people CHECK (person_key(approved_by) <> person_key(proposed_by))
);
CREATE UNIQUE INDEX uq_desk_act_waiting ON desk_act
    (act, artisan_id, coalesce(phone, ''), coalesce(double_id, 0)) WHERE done_at IS NULL;
CREATE TRIGGER desk_act_kept BEFORE DELETE ON desk_act
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(_TABLES)


def downgrade() -> None:
    op.execute("DROP TABLE desk_act")
    op.execute("ALTER TABLE artisan DROP COLUMN merged_into")
