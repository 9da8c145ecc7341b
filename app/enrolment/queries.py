"""Who is on the line: one statement, by indexed phone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

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

from app.base.phone import Phone
from app.enrolment.models import artisan, artisan_phone, artisan_pin, phone_profile

# More people on one phone than this are no household.
MOST_MEMBERS = 10


@dataclass(frozen=True, slots=True)
class Artisan:
    """What the service needs of a person; the CIN is not among it."""

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


def read_artisan(row: Row[tuple[Any, ...]]) -> Artisan:
    """Returns the artisan of a row that has the columns of `PERSON`, and perhaps others."""
    return Artisan(**{column.name: getattr(row, column.name) for column in PERSON})


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody looked after on a phone; `added` there, not by the register."""

    id: int
    full_name: str
    full_name_ar: str | None
    added: bool


def owners_of(phone: ColumnElement[str]) -> Subquery:
    """Whose phone it is: `id` and `rank`, who identified on it before the register's."""
    return union_all(
        select(artisan_phone.c.artisan_id.label("id"), literal(0).label("rank")).where(
            artisan_phone.c.phone == phone
        ),
        select(artisan.c.id, literal(1).label("rank")).where(artisan.c.phone == phone),
    ).subquery("owner")


def region_by_phone() -> Subquery:
    """Each `phone`'s `region`, once: of several artisans, of the first in the register."""
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


def find_household(connection: Connection, phone: Phone) -> list[Member]:
    """Everybody looked after on this phone, in a lasting order."""
    rows = connection.execute(_HOUSEHOLD, {"phone": phone.e164})
    return [Member(*row) for row in rows]


def _household_statement() -> Select[Any]:
    """Built once: building it takes longer than running it."""
    owner = owners_of(bindparam("phone", type_=Text))
    added = func.min(owner.c.rank) == 0
    return (
        select(artisan.c.id, artisan.c.full_name, artisan.c.full_name_ar, added)
        .join(owner, owner.c.id == artisan.c.id)
        .group_by(artisan.c.id)
        .order_by(func.min(owner.c.rank), artisan.c.id)
        .limit(MOST_MEMBERS)
    )


_HOUSEHOLD = _household_statement()


_BY_ID = select(*PERSON).where(artisan.c.id == bindparam("artisan", type_=BigInteger))
_LOCKED = _BY_ID.with_for_update(key_share=True)


def get_artisan(connection: Connection, artisan_id: int) -> Artisan:
    """The person by our own id; LookupError when there is none."""
    row = connection.execute(_BY_ID, {"artisan": artisan_id}).one_or_none()
    if row is None:
        raise LookupError(f"no artisan {artisan_id}")
    return Artisan(*row)


def lock_artisan(connection: Connection, artisan_id: int) -> Artisan:
    """The same, and nobody else decides about this person until the transaction ends."""
    return Artisan(*connection.execute(_LOCKED, {"artisan": artisan_id}).one())


def has_pin(connection: Connection, artisan_id: int) -> bool:
    """Whether the artisan has set a PIN."""
    asked = select(artisan_pin.c.artisan_id).where(artisan_pin.c.artisan_id == artisan_id)
    return connection.execute(asked).scalar() is not None


def find_own_phone(connection: Connection, artisan_id: int) -> tuple[Phone, str] | None:
    """Where the person is told what concerns them, and in which language: the register's phone,
    else the one they identified on first.
    """
    row = artisan.c
    first = (
        select(artisan_phone.c.phone)
        .where(artisan_phone.c.artisan_id == row.id)
        .order_by(artisan_phone.c.identified_at)
        .limit(1)
        .scalar_subquery()
    )
    asked = select(func.coalesce(row.phone, first), row.language).where(row.id == artisan_id)
    number, language = connection.execute(asked).one()
    if number is None:
        return None
    phone = Phone(number)
    return phone, find_language(connection, phone) or language


def find_language(connection: Connection, phone: Phone) -> str | None:
    """The language to speak on this phone: chosen there, else the register's."""
    return connection.execute(_LANGUAGE, {"phone": phone.e164}).scalar()


def _language_statement() -> Select[Any]:
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


_LANGUAGE = _language_statement()


@dataclass(frozen=True, slots=True)
class RegisterRecord:
    """What the register says of the person, for the person."""

    rna_number: str
    category: str
    trade: str | None
    province: str | None


def get_record(connection: Connection, artisan_id: int) -> RegisterRecord:
    row = connection.execute(
        select(artisan.c.rna_number, artisan.c.category, artisan.c.trade, artisan.c.province).where(
            artisan.c.id == artisan_id
        )
    ).one()
    return RegisterRecord(*row)


def find_province(connection: Connection, artisan_id: int) -> str | None:
    """The register's province of the person, where it has one."""
    asked = select(artisan.c.province).where(artisan.c.id == artisan_id)
    return connection.execute(asked).scalar_one_or_none()
