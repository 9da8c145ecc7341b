"""Table of hops: what is kept of talks to count them by. No number, no name, nothing typed."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, Text

from app.base.database import metadata

hop = Table(
    "hop",
    metadata,
    # A digest of gateway and session: it cannot be turned back.
    Column("session", Text, primary_key=True),
    # The hop's place in its talk; the gateway's word that the line broke has one too.
    Column("revision", Integer, primary_key=True),
    # dialled, resumed, answered, wrong, more, back, changed; dropped is the gateway's word.
    Column("how", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("gateway", Text, nullable=False),
    Column("language", Text, nullable=False),
    # Digits of menus, and of all else only its kind: `2*<rna_number>`.
    Column("inputs", Text, nullable=False),
    # The screen shown in the end, and whether it waits for an answer.
    Column("screen", Text, nullable=False),
    Column("more", Boolean, nullable=False),
    Index("ix_hop_at", "at"),
)
