"""Tables of the desks: acts of two people, notes, presences at a counter, calls to members."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from app.base.database import metadata

ACTS = ("reset_pin", "prove", "merge", "forget")

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

# What the desk writes down about a person; never changed.
person_note = Table(
    "person_note",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False),
    Column("words", Text, nullable=False),
    Column("written_by", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("char_length(words) BETWEEN 1 AND 1000", name="words"),
    Index("ix_person_note_artisan_id", "artisan_id", "id"),
)

PRESENCE_WAYS = ("code", "card")
# An artisan stands before an officer of a chamber, who may open that one file until `ends_at`.
presence = Table(
    "presence",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    Column("officer", ForeignKey("office_user.name"), nullable=False),
    # A code of the artisan's phone that the officer types, or the card that the officer saw.
    Column("way", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("code_digest", LargeBinary),
    Column("tries_left", SmallInteger, nullable=False, server_default=text("0")),
    # NULL until the code was typed.
    Column("began_at", DateTime(timezone=True)),
    # Until then the code is good; once begun, the file is open.
    Column("ends_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("way IN ('" + "', '".join(PRESENCE_WAYS) + "')", name="way"),
    CheckConstraint("(way = 'code') = (code_digest IS NOT NULL)", name="code"),
    CheckConstraint("way = 'code' OR began_at IS NOT NULL", name="card"),
    CheckConstraint("tries_left >= 0", name="tries_left"),
    CheckConstraint("ends_at >= asked_at", name="ends_at"),
    Index("ix_presence_officer", "officer", "artisan_id", "ends_at"),
)

CALL_OUTCOMES = ("called", "no_answer", "will_pay", "refuses", "wrong_number")
# Calls of a chamber to members of its work list; never changed.
member_call = Table(
    "member_call",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False),
    Column("called_by", Text, nullable=False),
    Column("called_at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("next_call_on", Date),
    CheckConstraint("outcome IN ('" + "', '".join(CALL_OUTCOMES) + "')", name="outcome"),
    Index("ix_member_call_artisan_id", "artisan_id", "id"),
)
