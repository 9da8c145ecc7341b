"""Tables of versions of the menus, and of what was made live."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.base.database import metadata

VERSION_STATES = ("waiting", "fit", "unfit", "refused", "published")
# A version as somebody gave it, whole: a worker checks it, another person makes it live.
menu_version = Table(
    "menu_version",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # Eight letters of a digest of its files, by which dialogues name it too.
    Column("version", Text, nullable=False),
    # The version that was live when it was given: what it lacked is of that one.
    Column("given_over", Text, nullable=False),
    Column("name", Text, nullable=False),
    # Its files as a zip, and the SHA-256 of it.
    Column("content", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    # Since when a worker checks it; one that was killed is followed by another.
    Column("check_began_at", DateTime(timezone=True)),
    Column("checked_at", DateTime(timezone=True)),
    # What the check found: screen, language and what is wrong, in its words.
    Column("faults", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    CheckConstraint("state IN ('" + "', '".join(VERSION_STATES) + "')", name="state"),
    CheckConstraint("version ~ '^[0-9a-f]{8}$' AND given_over ~ '^[0-9a-f]{8}$'", name="version"),
    CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name"),
    CheckConstraint("digest = encode(sha256(content), 'hex')", name="digest"),
    CheckConstraint("octet_length(content) <= 2097152", name="content"),
    CheckConstraint(
        "state NOT IN ('fit', 'published') OR (checked_at IS NOT NULL AND faults = '[]'::jsonb)",
        name="checked",
    ),
    CheckConstraint("state <> 'unfit' OR faults <> '[]'::jsonb", name="unfit"),
    Index("ix_menu_version_waiting", "id", postgresql_where=text("state = 'waiting'")),
)

# What became live, and by whom; the last row is live. Triggers hold that it was checked, and that a
# way back leads to what two people had made live before.
menu_publication = Table(
    "menu_publication",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # NULL: each process shows the menus that came with its program.
    Column("version_id", ForeignKey("menu_version.id")),
    # Who gave the version, or went back.
    Column("proposed_by", Text, nullable=False),
    # NULL where somebody went back.
    Column("approved_by", Text),
    Column("reason", Text),
    Column("published_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("approved_by IS NULL OR version_id IS NOT NULL", name="version"),
    CheckConstraint("(approved_by IS NULL) = (reason IS NOT NULL)", name="reason"),
    CheckConstraint("char_length(reason) BETWEEN 1 AND 300", name="reason_length"),
    CheckConstraint("person_key(approved_by) <> person_key(proposed_by)", name="two_people"),
    Index("ix_menu_publication_version_id", "version_id"),
)
