"""People whom agents looked up without a code, and cash that one agent handed to the next."""

from alembic import op

revision = "0026_tills_people_and_cash"
down_revision = "0025_pauses_of_agencies"
branch_labels = None
depends_on = None

_UP = """
    CREATE TABLE payer_look_up (
        agent_id BIGINT NOT NULL,
        day DATE NOT NULL,
        artisan_id BIGINT NOT NULL,
        agency_code TEXT NOT NULL,
        looked_at TIMESTAMPTZ NOT NULL,
        CONSTRAINT pk_payer_look_up PRIMARY KEY (agent_id, day, artisan_id),
        CONSTRAINT fk_payer_look_up_agent_id FOREIGN KEY (agent_id) REFERENCES agent (id),
        CONSTRAINT fk_payer_look_up_artisan_id FOREIGN KEY (artisan_id) REFERENCES artisan (id),
        CONSTRAINT fk_payer_look_up_agency_code FOREIGN KEY (agency_code) REFERENCES agency (code)
    );
    CREATE INDEX ix_payer_look_up_artisan_id ON payer_look_up (artisan_id);
    CREATE INDEX ix_payer_look_up_agency_code_day ON payer_look_up (agency_code, day);
    CREATE TABLE till_hand_over (
        id BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
        agency_code TEXT NOT NULL,
        day DATE NOT NULL,
        from_agent_id BIGINT NOT NULL,
        to_agent_id BIGINT NOT NULL,
        books_centimes BIGINT NOT NULL,
        counted_centimes BIGINT NOT NULL,
        handed_over_at TIMESTAMPTZ NOT NULL,
        form_key TEXT NOT NULL,
        CONSTRAINT pk_till_hand_over PRIMARY KEY (id),
        CONSTRAINT fk_till_hand_over_agency_code FOREIGN KEY (agency_code) REFERENCES agency (code),
        CONSTRAINT fk_till_hand_over_from_agent_id
            FOREIGN KEY (from_agent_id) REFERENCES agent (id),
        CONSTRAINT fk_till_hand_over_to_agent_id FOREIGN KEY (to_agent_id) REFERENCES agent (id),
        CONSTRAINT ck_till_hand_over_two_agents CHECK (from_agent_id <> to_agent_id),
        CONSTRAINT ck_till_hand_over_counted CHECK (counted_centimes >= 0),
        CONSTRAINT ck_till_hand_over_form_key CHECK (char_length(form_key) BETWEEN 16 AND 64)
    );
    CREATE UNIQUE INDEX uq_till_hand_over_form ON till_hand_over (from_agent_id, form_key);
    CREATE INDEX ix_till_hand_over_from_agent_id_day ON till_hand_over (from_agent_id, day);
    CREATE INDEX ix_till_hand_over_to_agent_id_day ON till_hand_over (to_agent_id, day);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute("DROP TABLE till_hand_over, payer_look_up")
