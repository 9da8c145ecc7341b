"""Keys with ids: room for the id before a CIN's digest, and clients' signing keys, sealed."""

from alembic import op

revision = "0018_key_ids"
down_revision = "0017_callback_hosts"
branch_labels = None
depends_on = None

# A digest with the id of its key is longer. Rows are checked as they are written.
_UP = """
    ALTER TABLE artisan DROP CONSTRAINT ck_artisan_cin_digest;
    ALTER TABLE artisan ADD CONSTRAINT ck_artisan_cin_digest
        CHECK (octet_length(cin_digest) IN (32, 52));
    ALTER TABLE api_client ADD COLUMN signing_key TEXT, ADD COLUMN old_signing_key TEXT;
"""
_DOWN = """
    ALTER TABLE api_client DROP COLUMN signing_key, DROP COLUMN old_signing_key;
    UPDATE artisan SET cin_digest = NULL WHERE octet_length(cin_digest) <> 32;
    ALTER TABLE artisan DROP CONSTRAINT ck_artisan_cin_digest;
    ALTER TABLE artisan ADD CONSTRAINT ck_artisan_cin_digest CHECK (octet_length(cin_digest) = 32);
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
