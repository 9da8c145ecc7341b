"""Tables of the register: artisans, their phones and PINs, tries to identify, CNSS's word."""

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
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.base.database import metadata

# The parts an enrolment file may lack (ASM: CNSS's list for artisans is not published as data).
PARTS = ("cin", "card", "form", "tax")
PAPERS, REGISTER = "papers", "register"
TIE_WAYS = (PAPERS, "code", "desk", "agent")
# Untied by the register's phone, forgotten by the phone itself, untied by the help desk; the number
# went to somebody else, or the register no longer has it.
LOST_NUMBER = ("handed_over", "withdrawn")
TIE_ENDS = ("untied", "forgotten", "desk", "moved", *LOST_NUMBER)

artisan = Table(
    "artisan",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("rna_number", Text, nullable=False, unique=True),
    Column("cnss_number", Text, unique=True),
    # The CIN's hash, encrypted: equality can be asked, the table alone reveals nothing (law 09-08).
    # The key's id stands before it, 52 bytes in all; 32 are of before the ids, and name no key.
    Column("cin_digest", LargeBinary, unique=True),
    Column("full_name", Text, nullable=False),
    Column("full_name_ar", Text),
    # Where the year alone is known, `birth_year` holds it and there is no date.
    Column("birth_date", Date),
    Column("birth_year", SmallInteger),
    # The register's phone while it is this artisan's. A number that the register also gives to
    # somebody else since stands in `lost_phone`: the register still names it, nobody reaches it.
    Column("phone", Text),
    Column("lost_phone", Text),
    Column("language", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("coefficient", Numeric(4, 2)),
    Column("annual_tax_centimes", BigInteger),
    Column("trade", Text),
    Column("region", Text),
    Column("province", Text),
    Column("enrolled_on", Date),
    Column("rights_until", Date),
    # The entry into which the help desk merged this one: a double leads nowhere else.
    Column("merged_into", ForeignKey("artisan.id")),
    # A person who asked to be forgotten: the numbers are left under which money was paid.
    Column("forgotten_at", DateTime(timezone=True)),
    # The day of CNSS's last word; the screen shows it beside the rights.
    Column("rights_as_of", Date, nullable=False),
    CheckConstraint("cnss_number ~ '^[0-9]{9}$'", name="cnss_number"),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    CheckConstraint("language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$'", name="language"),
    CheckConstraint("category ~ '^[A-Z]$'", name="category"),
    CheckConstraint("coefficient > 0", name="coefficient"),
    CheckConstraint("annual_tax_centimes >= 0", name="annual_tax"),
    CheckConstraint("octet_length(cin_digest) IN (32, 52)", name="cin_digest"),
    CheckConstraint(
        "merged_into IS NULL OR merged_into <> id AND phone IS NULL AND enrolled_on IS NULL",
        name="merged",
    ),
    CheckConstraint("(birth_date IS NULL) <> (birth_year IS NULL)", name="birth"),
    CheckConstraint("birth_year BETWEEN 1900 AND 2100", name="birth_year"),
    CheckConstraint("phone IS NULL OR lost_phone IS NULL", name="lost_phone"),
    CheckConstraint(
        "forgotten_at IS NULL OR num_nonnulls(phone, lost_phone, cin_digest, full_name_ar,"
        " birth_date, trade, province, coefficient, annual_tax_centimes, enrolled_on, rights_until)"
        " = 0",
        name="forgotten",
    ),
    Index("ix_artisan_phone", "phone"),
    # The members of a region whose cover ends, for those who call them.
    Index("ix_artisan_region_rights_until", "region", "rights_until", "id"),
    Index(
        "ix_artisan_merged_into",
        "merged_into",
        postgresql_where=text("merged_into IS NOT NULL"),
    ),
)

# Numbers that a keypad without letters cannot type whole, by the digits that it can.
_NOT_A_DIGIT: ColumnElement[str] = literal_column("'[^0-9]'")
number_has_signs: ColumnElement[bool] = artisan.c.rna_number.regexp_match(_NOT_A_DIGIT)
number_digits: ColumnElement[str] = func.regexp_replace(
    artisan.c.rna_number, _NOT_A_DIGIT, literal_column("''"), literal_column("'g'")
)
Index("ix_artisan_rna_digits", number_digits, postgresql_where=number_has_signs)

# Which languages and categories there are is data (app/text, app/contributions): here their shape.
# A person may have two phones, a phone may serve two persons (docs/rules.md, Identifiers). The
# register's phone is tied by the register and has no row here.
artisan_phone = Table(
    "artisan_phone",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True, index=True),
    Column("identified_at", DateTime(timezone=True), nullable=False),
    # How the person was proven: by papers alone, by a code to the register's phone, at a desk, or
    # by an agent who saw the card.
    Column("way", Text, nullable=False, server_default=text("'papers'")),
    Column("proven_at", DateTime(timezone=True)),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    CheckConstraint(f"way IN ({', '.join(map(repr, TIE_WAYS))})", name="way"),
    CheckConstraint("(way = 'papers') = (proven_at IS NULL)", name="proven"),
)

# Ties that ended. A number that was handed over is never again the address of what its old holder
# asked for.
ended_tie = Table(
    "ended_tie",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("phone", Text, nullable=False),
    Column("artisan_id", ForeignKey("artisan.id"), nullable=False, index=True),
    # A way of a tie, or `register`.
    Column("way", Text, nullable=False),
    # NULL for the register's phone: the register does not say since when.
    Column("since", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True), nullable=False),
    Column("why", Text, nullable=False),
    CheckConstraint(f"why IN ({', '.join(map(repr, TIE_ENDS))})", name="why"),
    Index("ix_ended_tie_phone", "phone", "ended_at"),
)

# The one-time code, sent to the register's phone, that proves who holds a tied phone.
tie_code = Table(
    "tie_code",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True, index=True),
    Column("code_digest", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("tries_left", SmallInteger, nullable=False),
    # The hop that asked: a gateway's retry draws no second code.
    Column("asked_by", Text, nullable=False),
    CheckConstraint("tries_left >= 0", name="tries_left"),
)

# Wrong birth dates of a day for an RNA number, over all phones; it may be nobody's. The lane is
# the number's digits, else the number; an officer's own lanes begin with `officer:`.
number_attempt = Table(
    "number_attempt",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("wrong", SmallInteger, nullable=False),
    # The hop that took the last one: a gateway's retry takes no second one.
    Column("taken_by", Text, nullable=False),
)

phone_profile = Table(
    "phone_profile",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("language", Text, nullable=False),
    CheckConstraint("language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$'", name="language"),
)

identification_attempt = Table(
    "identification_attempt",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    # The thing tried: to identify, to find a person to pay for, to have a receipt again.
    Column("kind", Text, primary_key=True, server_default=text("'identify'")),
    Column("tries", SmallInteger, nullable=False),
    # The hop that took the last try: a gateway's retry takes no second one.
    Column("taken_by", Text, nullable=False),
)

# An artisan who has set a PIN types it before anything personal is shown. The code that replaces a
# forgotten PIN goes to the register's phone and to no other, whichever phone set it (`set_on`).
artisan_pin = Table(
    "artisan_pin",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("pin_hash", Text, nullable=False),
    Column("set_on", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
)

# Wrong PINs of an artisan in one lane: each phone has its own, so that nobody pauses another's, and
# all phones that are neither the register's nor the one that set the PIN share one more.
pin_attempt = Table(
    "pin_attempt",
    metadata,
    Column(
        "artisan_id", ForeignKey("artisan_pin.artisan_id", ondelete="CASCADE"), primary_key=True
    ),
    # A phone, or `others`.
    Column("lane", Text, primary_key=True),
    Column("wrong", SmallInteger, nullable=False),
    Column("paused_until", DateTime(timezone=True)),
    # The hop that typed the last wrong one: a gateway's retry is not counted again.
    Column("tried_by", Text, nullable=False),
    Column("tried_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("lane = 'others' OR lane ~ '^[+][0-9]{8,15}$'", name="lane"),
    CheckConstraint("wrong >= 0", name="wrong"),
)

# Each phone that asks has a code of its own: nobody uses up another's.
pin_reset = Table(
    "pin_reset",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("phone", Text, primary_key=True),
    Column("code_digest", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("tries_left", SmallInteger, nullable=False),
    # The hop that asked: a gateway's retry draws no second code.
    Column("asked_by", Text, nullable=False),
    CheckConstraint("tries_left >= 0", name="tries_left"),
)

# The family the artisan's rights cover, in numbers: no names are stored.
family_cover = Table(
    "family_cover",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("spouses", SmallInteger, nullable=False),
    Column("children", SmallInteger, nullable=False),
    Column("as_of", Date, nullable=False),
    CheckConstraint("spouses BETWEEN 0 AND 4", name="spouses"),
    CheckConstraint("children BETWEEN 0 AND 40", name="children"),
)

# The file of an artisan who asked to be enrolled in AMO and is not yet; if nothing is missing,
# CNSS examines it.
enrolment_file = Table(
    "enrolment_file",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("missing", ARRAY(Text), nullable=False),
    Column("as_of", Date, nullable=False),
    CheckConstraint(f"missing <@ ARRAY[{', '.join(map(repr, PARTS))}]", name="missing"),
)

count_missing: ColumnElement[int] = func.cardinality(enrolment_file.c.missing, type_=Integer)
# These serve the orders of the office's table.
Index("ix_enrolment_file_missing", count_missing, enrolment_file.c.artisan_id)
Index("ix_enrolment_file_as_of", enrolment_file.c.as_of, enrolment_file.c.artisan_id)

# An import of the ministry's file, with what undoing it needs for as long as it may be undone:
# who was created, what updated people were before, whose day of CNSS's word moved. `left_as` is
# the digest of those people as the import left them; `transaction_id` tells what came after.
registry_import = Table(
    "registry_import",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("imported_at", DateTime(timezone=True), nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("transaction_id", Text, nullable=False),
    Column("created_ids", ARRAY(BigInteger), nullable=False),
    Column("left_as", Text, nullable=False),
    Column("undone_at", DateTime(timezone=True)),
    Column("undone_by", Text),
    Column("forgotten_at", DateTime(timezone=True)),
    CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone"),
)

# `earlier` is the artisan's whole row. No foreign key: the undo of an earlier import may remove the
# artisan.
registry_import_update = Table(
    "registry_import_update",
    metadata,
    Column("import_id", ForeignKey("registry_import.id"), primary_key=True),
    Column("artisan_id", BigInteger, primary_key=True, autoincrement=False),
    Column("earlier", JSONB, nullable=False),
)

registry_import_day = Table(
    "registry_import_day",
    metadata,
    Column("import_id", ForeignKey("registry_import.id"), primary_key=True),
    Column("earlier_day", Date, primary_key=True),
    Column("artisan_ids", ARRAY(BigInteger), nullable=False),
)
