"""Table of the audit trail; the database refuses to change or delete a row.

It is in partitions, one for each month (UTC), that are made ahead: what was there before has the
first one, `audit_event_rest` what no month was made for.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.base.database import metadata

# Acts that are nothing but a look at a person.
IS_LOOK = text("action IN ('person_looked_up', 'person_shown', 'request_shown')")

audit_event = Table(
    "audit_event",
    metadata,
    # Unique in its partition, and of one sequence: a key of the whole table would need its moment.
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("happened_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    # The second person, if the action needs two.
    Column("approved_by", Text),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    CheckConstraint("action <> 'resolution' OR approved_by IS NOT NULL", name="approved"),
    CheckConstraint("person_key(approved_by) <> person_key(actor)", name="two_people"),
    Index("ix_audit_event_subject", "subject", "id"),
    # These serve the auditor's lists: of some days, looks at people, and approvals.
    Index("ix_audit_event_happened_at", "happened_at", "id"),
    Index("ix_audit_event_looks", "happened_at", "id", postgresql_where=IS_LOOK),
    Index(
        "ix_audit_event_approved",
        "happened_at",
        "id",
        postgresql_where=text("approved_by IS NOT NULL"),
    ),
    postgresql_partition_by="RANGE (happened_at)",
)

# The next rows of the trail, sealed: a row's link is the SHA-256 of the link before it and of the
# row's text. Rows up to `last_id` are in this seal or an earlier one; none comes between them.
audit_seal = Table(
    "audit_seal",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("last_id", BigInteger, nullable=False, unique=True),
    Column("row_ids", ARRAY(BigInteger), nullable=False),
    Column("links", ARRAY(LargeBinary), nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint(
        "cardinality(links) = cardinality(row_ids) AND row_ids[cardinality(row_ids)] = last_id",
        name="links",
    ),
)
