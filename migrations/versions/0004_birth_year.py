"""Adds the year alone of a birth date, and the digits of RNA numbers that have letters or signs.

RNA numbers are in capitals from here on; one that would meet another's stays: people judge it.
"""

from alembic import op

revision = "0004_birth_year"
down_revision = "0003_office"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE artisan ADD COLUMN birth_year SMALLINT, ALTER COLUMN birth_date DROP NOT NULL,
            ADD CONSTRAINT ck_artisan_birth CHECK ((birth_date IS NULL) <> (birth_year IS NULL)),
            ADD CONSTRAINT ck_artisan_birth_year CHECK (birth_year BETWEEN 1900 AND 2100);
        UPDATE artisan SET rna_number = upper(rna_number)
        WHERE rna_number <> upper(rna_number) AND NOT EXISTS (
            SELECT FROM artisan other
            WHERE other.id <> artisan.id AND upper(other.rna_number) = upper(artisan.rna_number));
        CREATE INDEX ix_artisan_rna_digits
            ON artisan (regexp_replace(rna_number, '[^0-9]', '', 'g'))
            WHERE rna_number ~ '[^0-9]';
        """
    )


def downgrade() -> None:
    """Takes the first of January for a birth date of which the year alone is known."""
    op.execute(
        """
        DROP INDEX ix_artisan_rna_digits;
        UPDATE artisan SET birth_date = make_date(birth_year, 1, 1), birth_year = NULL
        WHERE birth_year IS NOT NULL;
        ALTER TABLE artisan DROP CONSTRAINT ck_artisan_birth, DROP COLUMN birth_year,
            ALTER COLUMN birth_date SET NOT NULL;
        """
    )
