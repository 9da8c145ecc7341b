"""Sets, checks, pauses and resets an artisan's own PIN.

Three wrong tries pause the PIN on the phone that made them. Phones that are neither the register's
nor the one that set the PIN share a slow lane beside: so many tied phones find no PIN, and none of
them pauses the owner's. app/base/sealed_pins.py says how a PIN is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Select, and_, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.keys import Keys, Purpose
from app.base.operation import Operation
from app.base.phone import Phone
from app.base.sealed_pins import is_due, is_pin, names_a_key, seal_again, seal_pin
from app.enrolment.errors import NoRegisterPhone, PinPaused, ResetCodeUnknown, WrongPinTyped
from app.enrolment.models import artisan, artisan_pin, pin_attempt, pin_reset
from app.enrolment.queries import find_language
from app.services import Services

WRONG_PINS_ALLOWED = 3
PAUSED_FOR = timedelta(minutes=30)
WRONG_PINS_OF_OTHERS = 10
OTHERS_PAUSED_FOR = timedelta(hours=12)
# Wrong PINs older than this count no more.
_FORGOTTEN_AFTER = timedelta(days=1)
_OTHERS = "others"
RESET_WITHIN = timedelta(minutes=10)
_RESET_TRIES = 3
_OBVIOUS = {"1234", "4321", "0123", "1212", "2580", "2000"}


@dataclass(frozen=True, slots=True)
class PinEntry:
    """A PIN typed for an artisan on a phone; `action_key` names the hop that brought it."""

    artisan_id: int
    phone: Phone
    pin: SecretStr
    action_key: str


@dataclass(frozen=True, slots=True)
class PinReset:
    """A one-time code of six digits, and the phone it may be sent to, with its language."""

    code: str
    phone: Phone
    language: str


def read_new_pin(typed: str) -> str:
    """Returns the typed PIN of four digits, if it is not one that a thief would try first.

    Raises: InvalidInput.
    """
    if not re.fullmatch(r"[0-9]{4}", typed):
        raise InvalidInput(what="pin", why="not four digits")
    if typed in _OBVIOUS or len(set(typed)) == 1:
        raise InvalidInput(what="pin", why="too easy")
    return typed


def pin_hash(pin: SecretStr, keys: Keys) -> str:
    """Returns what is stored of a PIN. It is slow to compute, and useless without the key."""
    return seal_pin(pin, keys, Purpose.ARTISAN_PIN)


def is_pin_of(stored: str, pin: SecretStr, keys: Keys) -> bool:
    """True if `stored` was made of this PIN. Raises: PinKeyUnknown."""
    return is_pin(stored, pin, keys, Purpose.ARTISAN_PIN)


def set_pin(operation: Operation, artisan_id: int, hashed: str, phone: Phone) -> None:
    """Sets or replaces the PIN; ends every pause and every reset under way."""
    values = {
        "pin_hash": hashed,
        "set_on": phone.e164,
        "set_at": operation.now,
    }
    statement = insert(artisan_pin).values(artisan_id=artisan_id, **values)
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["artisan_id"], set_=values)
    )
    operation.connection.execute(delete(pin_reset).where(pin_reset.c.artisan_id == artisan_id))
    operation.connection.execute(delete(pin_attempt).where(pin_attempt.c.artisan_id == artisan_id))
    record_audit(operation, "pin_set", f"artisan:{artisan_id}", phone=phone.masked)


def remove_pin(operation: Operation, artisan_id: int) -> bool:
    """Removes the PIN. Returns True if there was one."""
    operation.connection.execute(delete(pin_reset).where(pin_reset.c.artisan_id == artisan_id))
    removed = delete(artisan_pin).where(artisan_pin.c.artisan_id == artisan_id)
    if not operation.connection.execute(removed).rowcount:
        return False
    record_audit(operation, "pin_removed", f"artisan:{artisan_id}")
    return True


def check_pin(operation: Operation, services: Services, entry: PinEntry) -> None:
    """Checks a typed PIN; an artisan without one passes.

    The caller commits after a refusal too, because wrong PINs are counted. The same `action_key`
    counts once. The slow comparison comes before anything is locked, and not while it is paused.

    Raises: WrongPinTyped, PinKeyUnknown, PinPaused with its `until`.
    """
    found = operation.connection.execute(_find_pin(entry)).one_or_none()
    if found is None:
        return
    stored, paused = found.pin_hash, found.paused_until
    if paused and paused > operation.now:
        raise PinPaused(until=paused)
    right = is_pin_of(stored, entry.pin, services.keys)
    if not (lanes := _lock_lanes(operation, entry)):
        return
    pauses = operation.connection.execute(
        select(func.max(pin_attempt.c.paused_until)).where(
            pin_attempt.c.artisan_id == entry.artisan_id, pin_attempt.c.lane.in_(lanes)
        )
    ).scalar()
    if pauses and pauses > operation.now:
        raise PinPaused(until=pauses)
    if right:
        _forget_wrong_pins(operation, entry)
        if is_due(stored, services.keys, Purpose.ARTISAN_PIN):
            _store_again(operation, entry, stored, services.keys)
        return
    ends = [until for lane in lanes if (until := _count_wrong_pin(operation, entry, lane))]
    if ends:
        subject = f"artisan:{entry.artisan_id}"
        record_audit(operation, "pin_locked", subject, phone=entry.phone.masked)
        raise PinPaused(until=max(ends))
    raise WrongPinTyped()


def _find_pin(entry: PinEntry) -> Select[tuple[str, datetime | None]]:
    """Selects what is stored of a PIN, and the end of its pause on this phone."""
    columns, own = pin_attempt.c, entry.phone.e164
    apart = and_(artisan_pin.c.set_on != own, func.coalesce(artisan.c.phone, "") != own)
    paused = (
        select(func.max(columns.paused_until))
        .where(
            columns.artisan_id == entry.artisan_id,
            or_(columns.lane == own, and_(columns.lane == _OTHERS, apart)),
        )
        .correlate(artisan_pin, artisan)
        .scalar_subquery()
    )
    return (
        select(artisan_pin.c.pin_hash, paused.label("paused_until"))
        .join(artisan, artisan.c.id == artisan_pin.c.artisan_id)
        .where(artisan_pin.c.artisan_id == entry.artisan_id)
    )


def _store_again(operation: Operation, entry: PinEntry, stored: str, keys: Keys) -> None:
    """Stores a right PIN with today's key. A PIN that was set meanwhile stays."""
    columns = artisan_pin.c
    if names_a_key(stored):
        again = seal_again(stored, keys, Purpose.ARTISAN_PIN)
    else:
        again = pin_hash(entry.pin, keys)
    operation.connection.execute(
        update(artisan_pin)
        .where(columns.artisan_id == entry.artisan_id, columns.pin_hash == stored)
        .values(pin_hash=again)
    )


def _lock_lanes(operation: Operation, entry: PinEntry) -> list[str]:
    """Returns the lanes in which a wrong PIN of this phone counts; none if there is no PIN now.

    The PIN's row is locked, so that guesses of many phones at the same moment count one by one.
    """
    apart = operation.connection.execute(
        select(artisan_pin.c.set_on, artisan.c.phone)
        .join(artisan, artisan.c.id == artisan_pin.c.artisan_id)
        .where(artisan_pin.c.artisan_id == entry.artisan_id)
        .with_for_update(of=artisan_pin)
    ).one_or_none()
    if apart is None:
        return []
    own = entry.phone.e164
    return [own] if own in apart else [own, _OTHERS]


def _forget_wrong_pins(operation: Operation, entry: PinEntry) -> None:
    """Forgets the wrong PINs of this phone after a right one; those of the shared lane stay."""
    columns = pin_attempt.c
    operation.connection.execute(
        delete(pin_attempt).where(
            columns.artisan_id == entry.artisan_id, columns.lane == entry.phone.e164
        )
    )


def _count_wrong_pin(operation: Operation, entry: PinEntry, lane: str) -> datetime | None:
    """Counts a wrong PIN in a lane. Returns the end of the pause, if it was one too many."""
    columns, now = pin_attempt.c, operation.now
    most, pause = WRONG_PINS_ALLOWED, PAUSED_FOR
    if lane == _OTHERS:
        most, pause = WRONG_PINS_OF_OTHERS, OTHERS_PAUSED_FOR
    again = columns.tried_by == entry.action_key
    before = case((columns.tried_at < now - _FORGOTTEN_AFTER, 0), else_=columns.wrong)
    full = before + 1 >= most
    statement = insert(pin_attempt).values(
        artisan_id=entry.artisan_id, lane=lane, wrong=1, tried_by=entry.action_key, tried_at=now
    )
    counted = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["artisan_id", "lane"],
            set_={
                "wrong": case((again, columns.wrong), (full, 0), else_=before + 1),
                "paused_until": case((again, columns.paused_until), (full, now + pause)),
                "tried_by": entry.action_key,
                "tried_at": now,
            },
        ).returning(columns.paused_until)
    ).scalar_one()
    return counted if counted and counted > now else None


def start_pin_reset(
    operation: Operation, services: Services, artisan_id: int, asker: Phone, action_key: str
) -> PinReset | None:
    """Draws a one-time code, which replaces an earlier one that the same phone asked for.

    It is good on that phone alone, in a later session too.

    It goes to the register's phone, never to the phone that set the PIN. Returns None if there is
    no PIN, or the same `action_key` asked before.
    Raises: NoRegisterPhone.
    """
    owner = (
        select(artisan.c.phone, artisan.c.language)
        .join(artisan_pin)
        .where(artisan.c.id == artisan_id)
    )
    own = operation.connection.execute(owner).one_or_none()
    if own is None:
        return None
    if own.phone is None:
        raise NoRegisterPhone()
    code = f"{services.random.randrange(10**6):06d}"
    values = {
        "code_digest": services.keys.digest(Purpose.PIN_RESET, f"{artisan_id}:{code}"),
        "expires_at": operation.now + RESET_WITHIN,
        "tries_left": _RESET_TRIES,
        "asked_by": action_key,
    }
    statement = insert(pin_reset).values(artisan_id=artisan_id, phone=asker.e164, **values)
    once = statement.on_conflict_do_update(
        index_elements=["artisan_id", "phone"],
        set_=values,
        where=pin_reset.c.asked_by != action_key,
    )
    new = operation.connection.execute(once.returning(pin_reset.c.artisan_id)).scalar()
    if new is None:
        return None
    record_audit(operation, "pin_reset_asked", f"artisan:{artisan_id}")
    phone = Phone(own.phone)
    language = find_language(operation.connection, phone) or own.language
    return PinReset(code, phone, language)


def accept_reset_code(
    operation: Operation, services: Services, artisan_id: int, asker: Phone, code: SecretStr
) -> None:
    """Accepts the one-time code that this phone asked for.

    It stays valid until the new PIN is set or its time is over.

    The caller commits after a refusal too, because tries are counted.

    Raises: ResetCodeUnknown for a wrong, old or used-up code.
    """
    columns = pin_reset.c
    typed = f"{artisan_id}:{code.get_secret_value()}"
    digests = services.keys.digests(Purpose.PIN_RESET, typed)
    live = (
        columns.artisan_id == artisan_id,
        columns.phone == asker.e164,
        columns.expires_at > operation.now,
        columns.tries_left > 0,
    )
    # A right code stays valid, because the session may end before the new PIN is set.
    right = operation.connection.execute(
        update(pin_reset)
        .where(*live, columns.code_digest.in_(digests))
        .values(tries_left=columns.tries_left)
    )
    if right.rowcount:
        record_audit(operation, "pin_reset_code_accepted", f"artisan:{artisan_id}")
        return
    left = func.greatest(columns.tries_left - 1, 0)
    operation.connection.execute(update(pin_reset).where(*live).values(tries_left=left))
    record_audit(operation, "pin_reset_code_refused", f"artisan:{artisan_id}")
    raise ResetCodeUnknown()
