"""Table of reimbursement claims, by CNSS's last word."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    func,
    literal_column,
)

from app.base.database import metadata

# Filed and in review are CNSS's work; ready waits for the artisan; paid and refused end it.
STATES = ("filed", "in_review", "ready", "paid", "refused")
COLLECTIONS = ("cash", "bank")

claim = Table(
    "claim",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # CNSS's own number of the claim.
    Column("number", Text, nullable=False, unique=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False),
    Column("filed_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("amount_centimes", BigInteger),
    # The day of CNSS's word: an older word replaces no newer one.
    Column("as_of", Date, nullable=False),
    # How the artisan wants the money; the next export to CNSS has it.
    Column("collection", Text),
    Column("chosen_at", DateTime(timezone=True)),
    # When the choice that stands was exported to CNSS.
    Column("exported_at", DateTime(timezone=True)),
    CheckConstraint("number ~ '^[A-Z0-9][A-Z0-9/-]{0,15}$'", name="number"),
    CheckConstraint("state IN ('" + "', '".join(STATES) + "')", name="state"),
    CheckConstraint("amount_centimes > 0", name="amount"),
    CheckConstraint(
        "state NOT IN ('ready', 'paid') OR amount_centimes IS NOT NULL", name="amount_known"
    ),
    CheckConstraint("collection IN ('" + "', '".join(COLLECTIONS) + "')", name="collection"),
    CheckConstraint("(collection IS NULL) = (chosen_at IS NULL)", name="chosen_at"),
    CheckConstraint("as_of >= filed_on", name="as_of"),
    Index("ix_claim_artisan", "artisan_id", "filed_on"),
)

known_amount: ColumnElement[int] = func.coalesce(claim.c.amount_centimes, literal_column("0"))
# These serve the orders of the office's table.
Index("ix_claim_state", claim.c.state, claim.c.id)
Index("ix_claim_amount", known_amount, claim.c.id)
Index("ix_claim_filed_on", claim.c.filed_on, claim.c.id)
Index("ix_claim_as_of", claim.c.as_of, claim.c.id)
