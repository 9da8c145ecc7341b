"""Wrong birth dates for one RNA number over all phones: a slow lane that locks no owner out.

At a counter an officer has as many for one number, and some for all numbers together. A number that
is nobody's is counted like any other, so that nothing is learnt by trying.
"""

from __future__ import annotations

from sqlalchemy import Date, Text, bindparam, text

from app.audit.service import record_audit
from app.base.clock import local_date
from app.base.identifiers import only_digits
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.numbers import find_numbered_artisan
from app.enrolment.queries import find_own_phone
from app.messaging.service import OutboundMessage, queue_message
from app.services import Services

WRONG_DATES_A_DAY = 10
# Over all numbers: an officer reads dates off cards, so few are wrong.
_OF_ALL_NUMBERS = 40


def take_number_try(operation: Operation, phone: Phone, rna_number: str, action_key: str) -> bool:
    """Counts a birth date about to be compared; one that is right is given back after.

    Returns False if the number had its wrong dates of today and the phone is not tied to it. To be
    committed whatever comes after. The same `action_key` again counts once.
    """
    params = {
        "rna": rna_number,
        "lane": _name_lane(rna_number),
        "day": local_date(operation.now),
        "key": action_key,
        "phone": phone.e164,
        "most": WRONG_DATES_A_DAY,
    }
    return operation.connection.execute(_TAKE, params).scalar() is not None


def give_back_number_try(operation: Operation, rna_number: str) -> None:
    """Takes back the try of a date that was right."""
    params = {"lane": _name_lane(rna_number), "day": local_date(operation.now)}
    operation.connection.execute(_GIVE_BACK, params)


def take_officer_try(operation: Operation, rna_number: str) -> bool:
    """Counts a birth date that the actor is about to have compared at a counter.

    Returns False if the actor had today's wrong dates of this number, or of all numbers. To be
    committed whatever comes after; a date that is right is given back after.
    """
    day = local_date(operation.now)
    return all(
        operation.connection.execute(
            _TAKE_OF_OFFICER, {"lane": lane, "day": day, "key": operation.actor, "most": most}
        ).scalar()
        for lane, most in _name_officer_lanes(operation, rna_number).items()
    )


def give_back_officer_try(operation: Operation, rna_number: str) -> None:
    """Takes back the try of a date that was right."""
    for lane in _name_officer_lanes(operation, rna_number):
        params = {"lane": lane, "day": local_date(operation.now)}
        operation.connection.execute(_GIVE_BACK, params)


def _name_officer_lanes(operation: Operation, rna_number: str) -> dict[str, int]:
    """Returns the actor's lanes, and how many wrong dates a day each has."""
    own = f"officer:{operation.actor}"
    return {f"{own}:{_name_lane(rna_number)}": WRONG_DATES_A_DAY, own: _OF_ALL_NUMBERS}


def tell_owner_of_tries(operation: Operation, services: Services, rna_number: str) -> None:
    """Tells the owner of a number by SMS, once a day, that it had its wrong dates of today."""
    connection, day = operation.connection, local_date(operation.now)
    of_number, *_ = _name_officer_lanes(operation, rna_number)
    params = {"lanes": [_name_lane(rna_number), of_number], "day": day}
    wrong = connection.execute(_READ, params).scalar()
    if (wrong or 0) < WRONG_DATES_A_DAY:
        return
    artisan_id = find_numbered_artisan(connection, rna_number)
    own = find_own_phone(connection, artisan_id) if artisan_id is not None else None
    if own is None:
        return
    event = f"{artisan_id}:{day}"
    message = OutboundMessage("dates_tried", event, own.phone, own.language, {})
    if queue_message(operation, services, message) is not None:
        record_audit(operation, "number_slowed", f"artisan:{artisan_id}", wrong=wrong)


def _name_lane(rna_number: str) -> str:
    """Returns the digits of the number: a keypad without letters reaches it by these alone."""
    return only_digits(rna_number) or rna_number


_DAY, _LANE = bindparam("day", type_=Date), bindparam("lane", type_=Text)
_TAKE = text("""
    INSERT INTO number_attempt AS had (lane, day, wrong, taken_by)
    VALUES (:lane, :day, 1, :key)
    ON CONFLICT (lane, day) DO UPDATE SET taken_by = :key,
        wrong = had.wrong + CASE WHEN had.taken_by = :key THEN 0 ELSE 1 END
    WHERE had.wrong < :most OR had.taken_by = :key OR EXISTS (
        SELECT FROM artisan owner LEFT JOIN artisan_phone tied
            ON tied.artisan_id = owner.id AND tied.phone = :phone
        WHERE (owner.rna_number = :rna OR owner.rna_number ~ '[^0-9]'
                AND regexp_replace(owner.rna_number, '[^0-9]', '', 'g') = :lane)
          AND (owner.phone = :phone OR tied.phone IS NOT NULL))
    RETURNING had.wrong
""").bindparams(
    _DAY,
    _LANE,
    bindparam("rna", type_=Text),
    bindparam("key", type_=Text),
    bindparam("phone", type_=Text),
)
_TAKE_OF_OFFICER = text("""
    INSERT INTO number_attempt AS had (lane, day, wrong, taken_by) VALUES (:lane, :day, 1, :key)
    ON CONFLICT (lane, day) DO UPDATE SET wrong = had.wrong + 1 WHERE had.wrong < :most
    RETURNING had.wrong
""").bindparams(_DAY, _LANE)
_GIVE_BACK = text("""
    UPDATE number_attempt SET wrong = greatest(wrong - 1, 0) WHERE lane = :lane AND day = :day
""").bindparams(_DAY, _LANE)
_READ = text(
    "SELECT max(wrong) FROM number_attempt WHERE lane = ANY(:lanes) AND day = :day"
).bindparams(_DAY)
