"""Tables of the office: its users, how they prove who they are, and where they signed in."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.base.database import metadata

# `office` opens everything and is the sample user of development alone.
ROLES = ("analyst", "chamber", "wafacash", "cnss", "helpdesk", "operator", "auditor", "office")

office_user = Table(
    "office_user",
    metadata,
    Column("name", Text, primary_key=True),
    # How the name reads whatever its spelling: two users never share it.
    Column("name_key", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    # The part that the user sees: a region, a network, a desk; NULL is all of the role's.
    Column("region", Text),
    Column("network", ForeignKey("agent_network.code")),
    Column("desk", Text),
    Column("password_hash", Text, nullable=False),
    # Set while the password is the one-time one; it opens nothing but its own change.
    Column("one_time_until", DateTime(timezone=True)),
    # Who gave the last one-time password, and saw it.
    Column("given_by", Text),
    Column("given_at", DateTime(timezone=True)),
    Column("wrong_secrets", SmallInteger, nullable=False, server_default=text("0")),
    # Counts pauses in a row: each one is twice as long as the one before.
    Column("pauses", SmallInteger, nullable=False, server_default=text("0")),
    Column("paused_until", DateTime(timezone=True)),
    Column("sample", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("dismissed_at", DateTime(timezone=True)),
    CheckConstraint("role IN ('" + "', '".join(ROLES) + "')", name="role"),
    CheckConstraint("role <> 'office' OR sample", name="office_is_a_sample"),
    CheckConstraint("(role = 'chamber') = (region IS NOT NULL)", name="region"),
    CheckConstraint("(role = 'wafacash') = (network IS NOT NULL)", name="network"),
    CheckConstraint("char_length(name) BETWEEN 2 AND 60", name="name"),
    CheckConstraint("(given_by IS NULL) = (given_at IS NULL)", name="given"),
    CheckConstraint("wrong_secrets >= 0 AND pauses >= 0", name="wrong_secrets"),
)

# A form of a page that did its act: the same form again does nothing.
office_form = Table(
    "office_form",
    metadata,
    Column("token", Text, primary_key=True),
    Column("name", ForeignKey("office_user.name"), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("token ~ '^[0-9a-f]{32}$'", name="token"),
    Index("ix_office_form_used_at", "used_at"),
)

# A terminal's session, or a browser, in which a user signed in: one of them is one person.
office_seat = Table(
    "office_seat",
    metadata,
    Column("seat", Text, primary_key=True),
    Column("name", ForeignKey("office_user.name"), primary_key=True),
    Column("signed_in_at", DateTime(timezone=True), nullable=False),
    # When a second factor was proven at a command; the next ones do not ask for it.
    Column("factor_at", DateTime(timezone=True)),
    # Counted here where the user is known, so that strangers elsewhere pause nobody.
    Column("wrong_secrets", SmallInteger, nullable=False, server_default=text("0")),
    Column("pauses", SmallInteger, nullable=False, server_default=text("0")),
    Column("paused_until", DateTime(timezone=True)),
    CheckConstraint("wrong_secrets >= 0 AND pauses >= 0", name="wrong_secrets"),
)

# Sessions of the office's pages, each named by a token of which the digest is kept.
office_session = Table(
    "office_session",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("token_digest", LargeBinary, nullable=False, unique=True),
    Column("name", ForeignKey("office_user.name"), nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    # The browser in which it began: one browser is one person.
    Column("seat", Text, nullable=False, server_default=text("''")),
    # By which second factor it was opened, if by any; and whether a provider of identities, in
    # place of the password, said who it is.
    Column("factor", Text),
    Column("by_provider", Boolean, nullable=False, server_default=text("false")),
    # What a passkey is asked to sign, once.
    Column("challenge", LargeBinary),
    CheckConstraint("octet_length(token_digest) = 32", name="token_digest"),
    CheckConstraint(
        "factor IN ('authenticator', 'passkey', 'recovery_code', 'provider')", name="factor"
    ),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    Index("ix_office_session_name", "name", postgresql_where=text("ended_at IS NULL")),
)

# The secret of a user's authenticator app, sealed. `last_step` is the time step of the last good
# code: an older one is not good again. Without `enrolled_at` no code of it was seen yet.
office_authenticator = Table(
    "office_authenticator",
    metadata,
    Column("name", ForeignKey("office_user.name"), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("last_step", BigInteger),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("enrolled_at", DateTime(timezone=True)),
)

# Each opens once, when the authenticator and the passkeys are away.
office_recovery_code = Table(
    "office_recovery_code",
    metadata,
    Column("name", ForeignKey("office_user.name"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("code_digest", LargeBinary, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    CheckConstraint("octet_length(code_digest) = 32", name="digest"),
)

office_passkey = Table(
    "office_passkey",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", ForeignKey("office_user.name"), nullable=False),
    # What its owner calls it.
    Column("label", Text, nullable=False),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    # Its own count of uses: a copy of it counts apart, and is refused.
    Column("sign_count", BigInteger, nullable=False),
    Column("enrolled_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    CheckConstraint("char_length(label) BETWEEN 1 AND 40", name="label"),
    CheckConstraint("octet_length(credential_id) BETWEEN 16 AND 1023", name="credential_id"),
    Index("uq_office_passkey_label", "name", "label", unique=True),
)

# Who a user is at a provider of identities (OpenID Connect).
office_identity = Table(
    "office_identity",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("name", ForeignKey("office_user.name"), nullable=False),
    Column("tied_by", Text, nullable=False),
    Column("tied_at", DateTime(timezone=True), nullable=False),
    Index("uq_office_identity_name", "name", "issuer", unique=True),
)

# Wrong secrets typed for names that are nobody's: paused as users are, so that no answer tells them
# apart.
office_unknown_name = Table(
    "office_unknown_name",
    metadata,
    Column("name_digest", LargeBinary, primary_key=True),
    Column("wrong_secrets", SmallInteger, nullable=False, server_default=text("0")),
    Column("pauses", SmallInteger, nullable=False, server_default=text("0")),
    Column("paused_until", DateTime(timezone=True)),
    Column("tried_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(name_digest) = 32", name="name_digest"),
)
