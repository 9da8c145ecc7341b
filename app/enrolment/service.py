"""What a caller may change: the language of the phone, and whose phone it is."""

from datetime import date, datetime

from sqlalchemy import Connection, case, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.base.clock import local_date
from app.base.phone import Phone
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.models import artisan, artisan_phone, identification_attempt, phone_profile

TRIES_A_DAY = 3


def choose_language(connection: Connection, phone: Phone, language: str) -> None:
    """Remembers the language for every later call and message to this phone."""
    statement = insert(phone_profile).values(phone=phone.e164, language=language)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone"], set_={"language": statement.excluded.language}
        )
    )


def take_identification_attempt(
    connection: Connection, phone: Phone, action_key: str, now: datetime
) -> int:
    """Uses up one of today's tries and says how many are left; IdentificationPaused when none.

    To be committed whatever comes after, so that a failed try counts; the same `action_key`
    again counts once.
    """
    left = take_try(connection, phone, "identify", TRIES_A_DAY, action_key, now)
    if left is None:
        raise IdentificationPaused()
    return left


def take_try(
    connection: Connection, phone: Phone, kind: str, most: int, action_key: str, now: datetime
) -> int | None:
    """Uses up one of `most` tries of that kind today; how many are left, None when none was."""
    tried = identification_attempt.c
    statement = insert(identification_attempt).values(
        phone=phone.e164, day=local_date(now), kind=kind, tries=1, taken_by=action_key
    )
    same = tried.taken_by == statement.excluded.taken_by
    taken = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone", "day", "kind"],
            set_={
                "tries": case((same, tried.tries), else_=tried.tries + 1),
                "taken_by": action_key,
            },
            where=or_(same, tried.tries < most),
        ).returning(tried.tries)
    ).scalar()
    return None if taken is None else most - int(taken)


def identify_phone(
    connection: Connection, phone: Phone, rna_number: str, birth_date: date, now: datetime
) -> int:
    """Ties the phone to the artisan with this RNA number and birth date; gives the artisan's id.

    NotRecognised is the same for a number that does not exist and one of somebody else.
    """
    found = connection.execute(
        select(artisan.c.id).where(
            artisan.c.rna_number == rna_number, artisan.c.birth_date == birth_date
        )
    ).scalar()
    if found is None:
        raise NotRecognised()
    connection.execute(
        insert(artisan_phone)
        .values(phone=phone.e164, artisan_id=found, identified_at=now)
        .on_conflict_do_nothing()
    )
    return int(found)


def forget_phone(connection: Connection, phone: Phone, artisan_id: int) -> bool:
    """Whether a person added on this phone is untied from it; the register's own phone stays."""
    rows = delete(artisan_phone).where(
        artisan_phone.c.phone == phone.e164, artisan_phone.c.artisan_id == artisan_id
    )
    return bool(connection.execute(rows).rowcount)


def confirm_identity(
    connection: Connection, artisan_id: int, rna_number: str, birth_date: date
) -> None:
    """NotRecognised unless number and date are this artisan's own."""
    row = artisan.c
    own = select(row.id).where(
        row.id == artisan_id, row.rna_number == rna_number, row.birth_date == birth_date
    )
    if connection.execute(own).scalar() is None:
        raise NotRecognised()
