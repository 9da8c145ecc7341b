"""Changes what a phone told us: its language, and the artisans it identified as."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, or_
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import name_phone, record_audit
from app.base.clock import local_date
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.birth_dates import BirthDate
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.models import artisan, identification_attempt, phone_profile
from app.enrolment.numbers import find_numbered_artisan, is_born
from app.enrolment.ties import tie_phone, untie_phone

TRIES_A_DAY = 3


@dataclass(frozen=True, slots=True)
class DailyTries:
    """Something a phone may try `most` times a day: to identify, to look up another person."""

    kind: str
    most: int


_IDENTIFY = DailyTries("identify", TRIES_A_DAY)


def choose_language(operation: Operation, phone: Phone, language: str) -> None:
    """Stores the language of every later call and message to this phone."""
    statement = insert(phone_profile).values(phone=phone.e164, language=language)
    changed = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone"],
            set_={"language": statement.excluded.language},
            where=phone_profile.c.language != statement.excluded.language,
        ).returning(phone_profile.c.phone)
    )
    if changed.scalar() is not None:
        record_audit(operation, "language_chosen", name_phone(phone), language=language)


def take_identification_attempt(operation: Operation, phone: Phone, action_key: str) -> int:
    """Uses up one of today's tries to identify, and returns how many are left.

    To be committed whatever comes after, so that a failed try counts. The same `action_key` again
    counts once.
    Raises: IdentificationPaused if none was left.
    """
    left = take_try(operation, phone, _IDENTIFY, action_key)
    if left is None:
        raise IdentificationPaused()
    return left


def take_try(operation: Operation, phone: Phone, tries: DailyTries, action_key: str) -> int | None:
    """Uses up one of today's tries of that kind; the same `action_key` again counts once.

    Returns how many are left, or None if none was.
    """
    columns = identification_attempt.c
    day = local_date(operation.now)
    statement = insert(identification_attempt).values(
        phone=phone.e164, day=day, kind=tries.kind, tries=1, taken_by=action_key
    )
    same = columns.taken_by == statement.excluded.taken_by
    used = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["phone", "day", "kind"],
            set_={
                "tries": case((same, columns.tries), else_=columns.tries + 1),
                "taken_by": action_key,
            },
            where=or_(same, columns.tries < tries.most),
        ).returning(columns.tries)
    ).scalar()
    return None if used is None else tries.most - int(used)


def identify_phone(
    operation: Operation, phone: Phone, rna_number: str, birth_date: BirthDate
) -> int:
    """Ties the phone by papers to the artisan of this RNA number and birth date; returns the id.

    Raises: NotRecognised, the same for a number that does not exist and for another person's.
    """
    artisan_id = find_numbered_artisan(operation.connection, rna_number, is_born(birth_date))
    if artisan_id is None:
        raise NotRecognised()
    tie_phone(operation, phone, artisan_id)
    return artisan_id


def forget_phone(operation: Operation, phone: Phone, artisan_id: int) -> bool:
    """Unties the phone from a person who was added on it; the register's own phone stays.

    Returns True if it was tied.
    """
    return untie_phone(operation, phone, artisan_id, "forgotten")


def confirm_identity(
    connection: Connection, artisan_id: int, rna_number: str, birth_date: BirthDate
) -> None:
    """Checks that RNA number and birth date are this artisan's own.

    Raises: NotRecognised if they are not.
    """
    own = artisan.c.id == artisan_id
    if find_numbered_artisan(connection, rna_number, own, is_born(birth_date)) is None:
        raise NotRecognised()
