"""Reads artisans: by phone, by id, with their household, language and register record."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    Text,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on

from app.base.driver import AnyConnection, Prepared
from app.base.phone import Phone
from app.base.rows import read_row
from app.enrolment.models import (
    PAPERS,
    REGISTER,
    artisan,
    artisan_phone,
    artisan_pin,
    phone_profile,
)

# The most people of a household; more on one phone are not shown.
MOST_MEMBERS = 10


@dataclass(frozen=True, slots=True)
class Artisan:
    """An artisan as the service needs one; without the CIN."""

    id: int
    full_name: str
    language: str
    category: str
    coefficient: Decimal | None
    enrolled_on: date | None
    rights_until: date | None
    rights_as_of: date


PERSON = (
    artisan.c.id,
    artisan.c.full_name,
    artisan.c.language,
    artisan.c.category,
    artisan.c.coefficient,
    artisan.c.enrolled_on,
    artisan.c.rights_until,
    artisan.c.rights_as_of,
)


def read_artisan(row: Row[*tuple[object, ...]]) -> Artisan:
    """Returns the artisan of a row that has the columns of `PERSON`, and perhaps others."""
    return Artisan(**{column.name: getattr(row, column.name) for column in PERSON})


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a phone's household; `added` is True if identified there, not by the register.

    `proven` is True if the phone opens what is that person's own.
    """

    id: int
    full_name: str
    full_name_ar: str | None
    added: bool
    proven: bool


def owners_of(phone: ColumnElement[str]) -> Subquery:
    """Selects the artisans of a phone: `id`, `rank` (0 for those identified on it), and `way`."""
    tied = artisan_phone.c
    return union_all(
        select(tied.artisan_id.label("id"), literal(0).label("rank"), tied.way).where(
            tied.phone == phone
        ),
        select(artisan.c.id, literal(1).label("rank"), literal(REGISTER).label("way")).where(
            artisan.c.phone == phone
        ),
    ).subquery("owner")


def region_by_phone() -> Subquery:
    """Selects each `phone` once, with the `region` of its first artisan."""
    numbers = union_all(
        select(artisan.c.phone, artisan.c.id, artisan.c.region).where(artisan.c.phone.is_not(None)),
        select(artisan_phone.c.phone, artisan.c.id, artisan.c.region).join(artisan),
    ).subquery("number")
    return (
        select(numbers.c.phone, numbers.c.region)
        .ext(distinct_on(numbers.c.phone))
        .order_by(numbers.c.phone, numbers.c.id)
        .subquery("region_by_phone")
    )


def find_household(connection: AnyConnection, phone: Phone) -> list[Member]:
    """Lists the people of a phone's household, always in the same order."""
    rows = _HOUSEHOLD.fetch_all(connection, phone=phone.e164)
    return [read_row(Member, row) for row in rows]


# Built once: building a statement takes longer than running it.
def _household_statement() -> Select[int, str, str | None, bool, bool]:
    owner = owners_of(bindparam("phone", type_=Text))
    added = (func.min(owner.c.rank) == 0).label("added")
    proven = func.bool_or(owner.c.way != PAPERS).label("proven")
    return (
        select(artisan.c.id, artisan.c.full_name, artisan.c.full_name_ar, added, proven)
        .join(owner, owner.c.id == artisan.c.id)
        .group_by(artisan.c.id)
        .order_by(func.min(owner.c.rank), artisan.c.id)
        .limit(MOST_MEMBERS)
    )


_HOUSEHOLD = Prepared(_household_statement())


_PERSON_BY_ID = select(*PERSON).where(artisan.c.id == bindparam("artisan", type_=BigInteger))
_BY_ID = Prepared(_PERSON_BY_ID)
_LOCKED = _PERSON_BY_ID.with_for_update(key_share=True)


def get_artisan(connection: AnyConnection, artisan_id: int) -> Artisan:
    """Returns the person by our own id. Raises: LookupError if there is none."""
    row = _BY_ID.fetch_one(connection, artisan=artisan_id)
    if row is None:
        raise LookupError(f"no artisan {artisan_id}")
    return read_row(Artisan, row)


def lock_artisan(connection: Connection, artisan_id: int) -> Artisan:
    """Locks an artisan against other changes until the transaction ends, and returns it."""
    return read_row(Artisan, connection.execute(_LOCKED, {"artisan": artisan_id}).one())


def has_pin(connection: Connection, artisan_id: int) -> bool:
    """True if the artisan has set a PIN."""
    own = select(artisan_pin.c.artisan_id).where(artisan_pin.c.artisan_id == artisan_id)
    return connection.execute(own).scalar() is not None


@dataclass(frozen=True, slots=True)
class OwnPhone:
    """A person's phone for messages, and the language to write in."""

    phone: Phone
    language: str


def find_own_phone(connection: Connection, artisan_id: int) -> OwnPhone | None:
    """Returns the register's phone of a person, else the first that was proven to be the person's.

    A phone tied by papers alone hears nothing that is the person's own.
    """
    columns = artisan.c
    first = (
        select(artisan_phone.c.phone)
        .where(artisan_phone.c.artisan_id == columns.id, artisan_phone.c.way != PAPERS)
        .order_by(artisan_phone.c.proven_at)
        .limit(1)
        .scalar_subquery()
    )
    number = func.coalesce(columns.phone, first).label("number")
    own = select(number, columns.language).where(columns.id == artisan_id)
    row = connection.execute(own).one()
    if row.number is None:
        return None
    phone = Phone(row.number)
    return OwnPhone(phone, find_language(connection, phone) or row.language)


def find_language(connection: AnyConnection, phone: Phone) -> str | None:
    """Returns the language chosen on this phone, else the register's, else None."""
    language: str | None = _LANGUAGE.fetch_value(connection, phone=phone.e164)
    return language


def _language_statement() -> Select[str | None]:
    phone = bindparam("phone", type_=Text)
    owner = owners_of(phone)
    chosen = select(phone_profile.c.language).where(phone_profile.c.phone == phone)
    registered = (
        select(artisan.c.language)
        .join(owner, owner.c.id == artisan.c.id)
        .order_by(owner.c.rank, artisan.c.id)
        .limit(1)
    )
    return select(func.coalesce(chosen.scalar_subquery(), registered.scalar_subquery()))


_LANGUAGE = Prepared(_language_statement())
_OWNERS = owners_of(bindparam("phone", type_=Text))
_ANY_OWNER = select(_OWNERS.c.id).limit(1)


def is_artisans_phone(connection: Connection, phone: Phone) -> bool:
    """True if the phone is the register's for somebody, or tied to somebody."""
    return connection.execute(_ANY_OWNER, {"phone": phone.e164}).first() is not None


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """The register's entry of a person, as shown to that person."""

    rna_number: str
    category: str
    trade: str | None
    province: str | None


def get_register_entry(connection: Connection, artisan_id: int) -> RegisterEntry:
    """Returns the register's entry of a person by our own id."""
    row = connection.execute(
        select(artisan.c.rna_number, artisan.c.category, artisan.c.trade, artisan.c.province).where(
            artisan.c.id == artisan_id
        )
    ).one()
    return read_row(RegisterEntry, row)


def find_province(connection: Connection, artisan_id: int) -> str | None:
    """Returns the register's province of the person, if it has one."""
    own = select(artisan.c.province).where(artisan.c.id == artisan_id)
    return connection.execute(own).scalar_one_or_none()
