"""Table of the help desk's acts that wait for a second person, or were done by two."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    func,
    text,
)

from app.base.database import metadata

ACTS = ("reset_pin", "prove", "merge")

desk_act = Table(
    "desk_act",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("act", Text, nullable=False),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    # The phone to be proven; the record that is merged into the person's.
    Column("phone", Text),
    Column("double_id", ForeignKey("artisan.id"), index=True),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("done_at", DateTime(timezone=True)),
    CheckConstraint("act IN ('" + "', '".join(ACTS) + "')", name="act"),
    CheckConstraint("(act = 'prove') = (phone IS NOT NULL)", name="phone"),
    CheckConstraint("(act = 'merge') = (double_id IS NOT NULL)", name="double"),
    CheckConstraint("double_id <> artisan_id", name="two_records"),
    CheckConstraint("(done_at IS NULL) = (approved_by IS NULL)", name="done"),
    CheckConstraint("person_key(approved_by) <> person_key(proposed_by)", name="two_people"),
)
# One of a kind waits for a person.
Index(
    "uq_desk_act_waiting",
    desk_act.c.act,
    desk_act.c.artisan_id,
    func.coalesce(desk_act.c.phone, ""),
    func.coalesce(desk_act.c.double_id, 0),
    unique=True,
    postgresql_where=text("done_at IS NULL"),
)
