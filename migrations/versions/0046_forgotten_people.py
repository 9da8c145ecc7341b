"""People who asked to be forgotten (law 09-08): what is left of them, and no import brings back."""

from alembic import op

revision = "0046_forgotten_people"
down_revision = "0045_books_gaps"
branch_labels = None
depends_on = None

_UP = """
    ALTER TABLE artisan ADD COLUMN forgotten_at TIMESTAMPTZ;
    ALTER TABLE artisan ADD CONSTRAINT ck_artisan_forgotten CHECK (forgotten_at IS NULL OR
        num_nonnulls(phone, lost_phone, cin_digest, full_name_ar, birth_date, trade, province,
            coefficient, annual_tax_centimes, enrolled_on, rights_until) = 0);
    ALTER TABLE desk_act DROP CONSTRAINT ck_desk_act_act;
    ALTER TABLE desk_act ADD CONSTRAINT ck_desk_act_act
        CHECK (act IN ('reset_pin', 'prove', 'merge', 'forget'));

    -- Notes and calls are kept as they are, but for somebody who is being forgotten.
    CREATE FUNCTION refuse_unless_forgotten() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM public.artisan
                WHERE id = OLD.artisan_id AND forgotten_at IS NOT NULL) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '% is kept as it is', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END $$;
"""


def upgrade() -> None:
    op.execute(_UP)
    for table in ("person_note", "member_call"):
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_unless_forgotten()"
        )


def downgrade() -> None:
    for table in ("person_note", "member_call"):
        op.execute(f"DROP TRIGGER {table}_kept ON {table}")
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute("DROP FUNCTION refuse_unless_forgotten()")
    # An act that older versions do not know is done, and the audit has it.
    op.execute("ALTER TABLE desk_act DISABLE TRIGGER desk_act_kept")
    op.execute("DELETE FROM desk_act WHERE act = 'forget'")
    op.execute("ALTER TABLE desk_act ENABLE TRIGGER desk_act_kept")
    op.execute("ALTER TABLE desk_act DROP CONSTRAINT ck_desk_act_act")
    op.execute(
        "ALTER TABLE desk_act ADD CONSTRAINT ck_desk_act_act"
        " CHECK (act IN ('reset_pin', 'prove', 'merge'))"
    )
    op.execute("ALTER TABLE artisan DROP COLUMN forgotten_at")
