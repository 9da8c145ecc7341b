"""Who is on the line: one statement, by indexed phone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, literal, select, union_all

from app.base.phone import Phone
from app.enrolment.models import artisan, artisan_phone, phone_profile


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


@dataclass(frozen=True, slots=True)
class PhoneOwner:
    """The language chosen on this phone, if any, and the artisan it belongs to, if known."""

    language: str | None
    artisan: Artisan | None


def find_phone_owner(connection: Connection, phone: Phone) -> PhoneOwner:
    """Both in one statement; an artisan who identified on the phone comes before the register's."""
    row = connection.execute(_PHONE_OWNER, {"phone": phone.e164}).one()
    return PhoneOwner(row[0], Artisan(*row[1:]) if row[1] is not None else None)


def _phone_owner_statement() -> Select[Any]:
    """Built once: building it takes longer than running it."""
    phone = bindparam("phone", type_=Text)
    owners = union_all(
        select(artisan_phone.c.artisan_id.label("id"), literal(0).label("rank")).where(
            artisan_phone.c.phone == phone
        ),
        select(artisan.c.id, literal(1).label("rank")).where(artisan.c.phone == phone),
    ).subquery()
    first = select(owners.c.id).order_by(owners.c.rank, owners.c.id).limit(1).scalar_subquery()
    chosen = select(phone_profile.c.language).where(phone_profile.c.phone == phone)
    line = select(chosen.scalar_subquery().label("chosen")).subquery()
    return (
        select(line.c.chosen, *PERSON).select_from(line).outerjoin(artisan, artisan.c.id == first)
    )


_PHONE_OWNER = _phone_owner_statement()


def get_artisan(connection: Connection, artisan_id: int) -> Artisan:
    """The person by our own id; LookupError when there is none."""
    row = connection.execute(select(*PERSON).where(artisan.c.id == artisan_id)).one_or_none()
    if row is None:
        raise LookupError(f"no artisan {artisan_id}")
    return Artisan(*row)


def lock_artisan(connection: Connection, artisan_id: int) -> Artisan:
    """The same, and nobody else decides about this person until the transaction ends."""
    row = connection.execute(
        select(*PERSON).where(artisan.c.id == artisan_id).with_for_update(key_share=True)
    ).one()
    return Artisan(*row)


def find_language(connection: Connection, phone: Phone) -> str | None:
    """The language to speak on this phone: chosen there, else the register's."""
    owner = find_phone_owner(connection, phone)
    return owner.language or (owner.artisan.language if owner.artisan else None)
