"""Presence at a counter: an artisan stands there, and one officer may open that file for a while.

The artisan is known by RNA number and birth date, and proven by a code that goes to the artisan's
own phone and is typed by the officer, or by the card that the officer says to have seen. What the
artisan protects by a PIN is open by the code alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Connection, delete, func, insert, select, update

from app.audit.service import record_audit
from app.base.keys import Purpose
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.birth_dates import BirthDate
from app.enrolment.errors import NoRegisterPhone, TieCodeUnknown
from app.enrolment.number_tries import take_officer_try, tell_owner_of_tries
from app.enrolment.numbers import find_numbered_artisan, is_born
from app.enrolment.queries import find_own_phone
from app.enrolment.ties import tie_phone
from app.messaging.service import OutboundMessage, queue_message
from app.people.errors import TooManyDates, TooManyPresences
from app.people.models import presence
from app.services import Services

LASTS = timedelta(minutes=30)
_CODE_LASTS = timedelta(minutes=10)
_TRIES = 3
# Files that an officer opens in a day.
_A_DAY = 60
# The audit has what was done; a presence counts for a day.
_KEPT_FOR = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Presence:
    """A presence that is open: how the artisan was proven, and until when."""

    id: int
    artisan_id: int
    way: str
    ends_at: datetime

    @property
    def by_code(self) -> bool:
        """True if the artisan's own phone was in the artisan's hand."""
        return self.way == "code"


def recognise(operation: Operation, rna_number: str, birth_date: BirthDate) -> int | None:
    """Returns the artisan of an RNA number and a birth date; None if they do not belong together.

    A wrong date is counted, so the caller commits after it too; a right one is given back by
    `give_back_officer_try`.

    Raises: TooManyDates if the actor had today's wrong ones.
    """
    if not take_officer_try(operation, rna_number):
        raise TooManyDates()
    return find_numbered_artisan(operation.connection, rna_number, is_born(birth_date))


def note_wrong_date(operation: Operation, services: Services, rna_number: str) -> None:
    """Notes a wrong birth date under the person of the number, who is told of the day's last."""
    tried = find_numbered_artisan(operation.connection, rna_number)
    subject = "register" if tried is None else f"artisan:{tried}"
    record_audit(operation, "presence_refused", subject)
    tell_owner_of_tries(operation, services, rna_number)


def begin_by_card(operation: Operation, services: Services, artisan_id: int) -> int:
    """Opens a file for the actor, who has seen the card; the artisan's phone is told.

    Returns the presence's number. Raises: TooManyPresences.
    """
    values = {"way": "card", "began_at": operation.now, "ends_at": operation.now + LASTS}
    number = _insert(operation, artisan_id, values)
    record_audit(operation, "presence_begun", f"artisan:{artisan_id}", way="card", reason="counter")
    _tell(operation, services, artisan_id, number)
    return number


def ask_for_code(operation: Operation, services: Services, artisan_id: int) -> int:
    """Sends a code to the artisan's own phone, for the officer to type.

    Returns the presence's number. Raises: NoRegisterPhone, TooManyPresences.
    """
    own = find_own_phone(operation.connection, artisan_id)
    if own is None:
        raise NoRegisterPhone()
    code = f"{services.random.randrange(10**6):06d}"
    values = {
        "way": "code",
        "code_digest": services.keys.digest(Purpose.TIE_CODE, _name(operation, artisan_id, code)),
        "tries_left": _TRIES,
        "ends_at": operation.now + _CODE_LASTS,
    }
    number = _insert(operation, artisan_id, values)
    message = OutboundMessage(
        "presence_code", str(number), own.phone, own.language, {"presence_code": code}
    )
    queue_message(operation, services, message)
    masked = own.phone.masked
    record_audit(operation, "presence_code_sent", f"artisan:{artisan_id}", phone=masked)
    return number


def accept_code(
    operation: Operation, services: Services, number: int, code: SecretStr
) -> int | None:
    """Opens the file if the code is right. Returns the artisan's id, or None for a wrong code.

    The caller commits after a wrong code too, because tries are counted.

    Raises: TieCodeUnknown if no try is left, or it is too late.
    """
    columns = presence.c
    row = operation.connection.execute(
        select(presence)
        .where(columns.id == number, columns.officer == operation.actor)
        .with_for_update()
    ).one_or_none()
    good = row is not None and row.way == "code" and row.ends_at > operation.now
    if row is None or not good or row.began_at or not row.tries_left:
        raise TieCodeUnknown()
    typed = _name(operation, row.artisan_id, code.get_secret_value())
    change = update(presence).where(columns.id == number)
    if bytes(row.code_digest) not in services.keys.digests(Purpose.TIE_CODE, typed):
        operation.connection.execute(change.values(tries_left=columns.tries_left - 1))
        return None
    opened = {"began_at": operation.now, "ends_at": operation.now + LASTS}
    operation.connection.execute(change.values(opened))
    subject = f"artisan:{row.artisan_id}"
    record_audit(operation, "presence_begun", subject, way="code", reason="counter")
    _tell(operation, services, row.artisan_id, number)
    return int(row.artisan_id)


def end_presence(operation: Operation, number: int) -> None:
    """Closes the file before its time."""
    columns = presence.c
    artisan_id = operation.connection.execute(
        update(presence)
        .where(columns.id == number, columns.officer == operation.actor)
        .values(ends_at=func.least(columns.ends_at, operation.now))
        .returning(columns.artisan_id)
    ).scalar()
    if artisan_id is not None:
        record_audit(operation, "presence_ended", f"artisan:{artisan_id}")


def forget_presences(operation: Operation) -> int:
    """Deletes presences that ended two days ago. Returns how many."""
    old = presence.c.ends_at < operation.now - _KEPT_FOR
    return int(operation.connection.execute(delete(presence).where(old)).rowcount)


def find_presence(
    connection: Connection, officer: str, artisan_id: int, now: datetime
) -> Presence | None:
    """Returns the officer's open presence for an artisan; that by a code before that by a card."""
    columns = presence.c
    row = connection.execute(
        select(columns.id, columns.artisan_id, columns.way, columns.ends_at)
        .where(
            columns.officer == officer,
            columns.artisan_id == artisan_id,
            columns.began_at.is_not(None),
            columns.ends_at > now,
        )
        .order_by(columns.way.desc(), columns.ends_at.desc())
        .limit(1)
    ).one_or_none()
    return Presence(row.id, row.artisan_id, row.way, row.ends_at) if row else None


def tie_at_counter(
    operation: Operation, services: Services, artisan_id: int, phone: Phone, event: str
) -> None:
    """Ties a second phone by papers, as a phone ties itself.

    The artisan's own phone is told of a tie that is new; the same `event` again is once.
    """
    own = find_own_phone(operation.connection, artisan_id)
    if tie_phone(operation, phone, artisan_id) and own and own.phone != phone:
        values = {"ends": phone.e164[-4:]}
        message = OutboundMessage("phone_added", event, own.phone, own.language, values)
        queue_message(operation, services, message)


def _insert(operation: Operation, artisan_id: int, values: dict[str, object]) -> int:
    columns = presence.c
    day_ago = operation.now - timedelta(days=1)
    asked = select(func.count()).where(
        columns.officer == operation.actor, columns.asked_at > day_ago
    )
    if operation.connection.execute(asked).scalar_one() >= _A_DAY:
        raise TooManyPresences(most=_A_DAY)
    new = {"artisan_id": artisan_id, "officer": operation.actor, "asked_at": operation.now}
    number: int = operation.connection.execute(
        insert(presence).values(new | values).returning(columns.id)
    ).scalar_one()
    return number


def _name(operation: Operation, artisan_id: int, code: str) -> str:
    """Returns the text whose digest is kept: a code is good for one officer and person."""
    return f"presence:{operation.actor}:{artisan_id}:{code}"


def _tell(operation: Operation, services: Services, artisan_id: int, number: int) -> None:
    if own := find_own_phone(operation.connection, artisan_id):
        message = OutboundMessage("counter_opened", str(number), own.phone, own.language, {})
        queue_message(operation, services, message)
