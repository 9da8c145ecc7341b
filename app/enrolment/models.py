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
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.database import metadata

# The parts an enrolment file may lack (ASM: CNSS's list for artisans is not published as data).
PARTS = ("cin", "card", "form", "tax")

artisan = Table(
    "artisan",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("rna_number", Text, nullable=False, unique=True),
    Column("cnss_number", Text, unique=True),
    # HMAC of the CIN: equality can be asked, the table alone reveals nothing (law 09-08).
    Column("cin_digest", LargeBinary, unique=True),
    Column("full_name", Text, nullable=False),
    Column("full_name_ar", Text),
    # Where the year alone is known, `birth_year` holds it and there is no date.
    Column("birth_date", Date),
    Column("birth_year", SmallInteger),
    Column("phone", Text),
    Column("language", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("coefficient", Numeric(4, 2)),
    Column("annual_tax_centimes", BigInteger),
    Column("trade", Text),
    Column("region", Text),
    Column("province", Text),
    Column("enrolled_on", Date),
    Column("rights_until", Date),
    # The day of CNSS's last word; the screen shows it beside the rights.
    Column("rights_as_of", Date, nullable=False),
    CheckConstraint("cnss_number ~ '^[0-9]{9}$'", name="cnss_number"),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
    CheckConstraint("language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$'", name="language"),
    CheckConstraint("category ~ '^[A-Z]$'", name="category"),
    CheckConstraint("coefficient > 0", name="coefficient"),
    CheckConstraint("annual_tax_centimes >= 0", name="annual_tax"),
    CheckConstraint("octet_length(cin_digest) = 32", name="cin_digest"),
    CheckConstraint("(birth_date IS NULL) <> (birth_year IS NULL)", name="birth"),
    CheckConstraint("birth_year BETWEEN 1900 AND 2100", name="birth_year"),
    Index("ix_artisan_phone", "phone"),
)

# Numbers that a keypad without letters cannot type whole, by the digits that it can.
_NOT_A_DIGIT: ColumnElement[str] = literal_column("'[^0-9]'")
number_has_signs: ColumnElement[bool] = artisan.c.rna_number.regexp_match(_NOT_A_DIGIT)
number_digits: ColumnElement[str] = func.regexp_replace(
    artisan.c.rna_number, _NOT_A_DIGIT, literal_column("''"), literal_column("'g'")
)
Index("ix_artisan_rna_digits", number_digits, postgresql_where=number_has_signs)

# Which languages and categories there are is data (app/text, app/contributions): here their shape.
# A person may have two phones, a phone may serve two persons (docs/rules.md, Identifiers).
artisan_phone = Table(
    "artisan_phone",
    metadata,
    Column("phone", Text, primary_key=True),
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True, index=True),
    Column("identified_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("phone ~ '^[+][0-9]{8,15}$'", name="phone"),
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

# An artisan who has set a PIN types it before anything personal is shown. A forgotten PIN is reset
# on the phone it was set on (`set_on`) and on no other.
artisan_pin = Table(
    "artisan_pin",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
    Column("pin_hash", Text, nullable=False),
    Column("set_on", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    Column("wrong_pins", SmallInteger, nullable=False, server_default=text("0")),
    Column("paused_until", DateTime(timezone=True)),
    # The hop that typed the last wrong one: a gateway's retry is not counted again.
    Column("tried_by", Text),
    CheckConstraint("wrong_pins BETWEEN 0 AND 2", name="wrong_pins"),
)

pin_reset = Table(
    "pin_reset",
    metadata,
    Column("artisan_id", ForeignKey("artisan.id"), primary_key=True),
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
