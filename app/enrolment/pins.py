"""Sets, checks, pauses and resets an artisan's own PIN.

Four digits can be found by trying all of them. Therefore the stored hash is keyed by the
installation's secret, and three wrong tries pause the PIN.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pydantic import SecretStr
from sqlalchemy import case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.errors import InvalidInput
from app.base.operation import Operation
from app.base.phone import Phone
from app.enrolment.errors import NoRegisterPhone, PinPaused, ResetCodeUnknown, WrongPinTyped
from app.enrolment.models import artisan, artisan_pin, pin_reset
from app.services import Services

WRONG_PINS_ALLOWED = 3
PAUSED_FOR = timedelta(minutes=30)
RESET_WITHIN = timedelta(minutes=10)
_RESET_TRIES = 3
# A low cost, because a person waits on the line; the key protects the four digits.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_OBVIOUS = {"1234", "4321", "0123", "1212", "2580", "2000"}


@dataclass(frozen=True, slots=True)
class PinEntry:
    """A PIN typed for an artisan; `action_key` names the hop that brought it."""

    artisan_id: int
    pin: SecretStr
    action_key: str


@dataclass(frozen=True, slots=True)
class PinReset:
    """A one-time code of six digits, and the phone it may be sent to."""

    code: str
    phone: Phone


def read_new_pin(typed: str) -> str:
    """Returns the typed PIN of four digits, if it is not one that a thief would try first.

    Raises: InvalidInput.
    """
    if not re.fullmatch(r"[0-9]{4}", typed):
        raise InvalidInput(what="pin", why="not four digits")
    if typed in _OBVIOUS or len(set(typed)) == 1:
        raise InvalidInput(what="pin", why="too easy")
    return typed


def pin_hash(pin: SecretStr, key: bytes) -> str:
    """Returns the hash to store for a PIN. It is slow to compute, and useless without the key."""
    return _hasher.hash(_keyed_digest(pin, key))


def is_pin_of(stored: str, pin: SecretStr, key: bytes) -> bool:
    """True if `stored` is the hash of this PIN under this key."""
    try:
        return _hasher.verify(stored, _keyed_digest(pin, key))
    except VerifyMismatchError:
        return False


def set_pin(operation: Operation, artisan_id: int, hashed: str, phone: Phone) -> None:
    """Sets or replaces the PIN; ends a pause and a reset under way."""
    values = {
        "pin_hash": hashed,
        "set_on": phone.e164,
        "set_at": operation.now,
        "wrong_pins": 0,
        "paused_until": None,
        "tried_by": None,
    }
    statement = insert(artisan_pin).values(artisan_id=artisan_id, **values)
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["artisan_id"], set_=values)
    )
    operation.connection.execute(delete(pin_reset).where(pin_reset.c.artisan_id == artisan_id))
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
    counts once. The slow comparison comes before the row is locked.

    Raises: WrongPinTyped, PinPaused with its `until`.
    """
    columns = artisan_pin.c
    own = columns.artisan_id == entry.artisan_id
    stored = operation.connection.execute(select(columns.pin_hash).where(own)).scalar()
    if stored is None:
        return
    right = is_pin_of(stored, entry.pin, services.secret)
    now = operation.now
    row = operation.connection.execute(
        update(artisan_pin)
        .where(own, or_(columns.paused_until.is_(None), columns.paused_until <= now))
        .values(_clear_wrong_pins() if right else _count_wrong_pin(entry.action_key, now))
        .returning(columns.paused_until)
    ).one_or_none()
    if row is None:
        until = operation.connection.execute(select(columns.paused_until).where(own)).scalar()
        raise PinPaused(until=until or now)
    if row.paused_until and row.paused_until > now:
        record_audit(operation, "pin_locked", f"artisan:{entry.artisan_id}")
        raise PinPaused(until=row.paused_until)
    if not right:
        raise WrongPinTyped()


def _clear_wrong_pins() -> dict[str, object]:
    return {"wrong_pins": 0, "paused_until": None, "tried_by": None}


def _count_wrong_pin(action_key: str, now: datetime) -> dict[str, object]:
    columns = artisan_pin.c
    again = columns.tried_by == action_key
    full = columns.wrong_pins + 1 >= WRONG_PINS_ALLOWED
    return {
        "wrong_pins": case((again, columns.wrong_pins), (full, 0), else_=columns.wrong_pins + 1),
        "paused_until": case((again, columns.paused_until), (full, now + PAUSED_FOR), else_=None),
        "tried_by": action_key,
    }


def start_pin_reset(
    operation: Operation, services: Services, artisan_id: int, action_key: str
) -> PinReset | None:
    """Draws a one-time code, which replaces an earlier one; it may be typed in a later session.

    It goes to the register's phone, never to the phone that set the PIN. Returns None if there is
    no PIN, or the same `action_key` asked before.
    Raises: NoRegisterPhone.
    """
    owner = select(artisan.c.phone).join(artisan_pin).where(artisan.c.id == artisan_id)
    own = operation.connection.execute(owner).one_or_none()
    if own is None:
        return None
    if own.phone is None:
        raise NoRegisterPhone()
    code = f"{services.random.randrange(10**6):06d}"
    values = {
        "code_digest": _code_digest(code, artisan_id, services.secret),
        "expires_at": operation.now + RESET_WITHIN,
        "tries_left": _RESET_TRIES,
        "asked_by": action_key,
    }
    statement = insert(pin_reset).values(artisan_id=artisan_id, **values)
    once = statement.on_conflict_do_update(
        index_elements=["artisan_id"], set_=values, where=pin_reset.c.asked_by != action_key
    )
    new = operation.connection.execute(once.returning(pin_reset.c.artisan_id)).scalar()
    if new is None:
        return None
    record_audit(operation, "pin_reset_asked", f"artisan:{artisan_id}")
    return PinReset(code, Phone(own.phone))


def accept_reset_code(
    operation: Operation, services: Services, artisan_id: int, code: SecretStr
) -> None:
    """Accepts the one-time code; it stays valid until the new PIN is set or its time is over.

    The caller commits after a refusal too, because tries are counted.

    Raises: ResetCodeUnknown for a wrong, old or used-up code.
    """
    columns = pin_reset.c
    digest = _code_digest(code.get_secret_value(), artisan_id, services.secret)
    live = (
        columns.artisan_id == artisan_id,
        columns.expires_at > operation.now,
        columns.tries_left > 0,
    )
    # A right code stays valid, because the session may end before the new PIN is set.
    right = operation.connection.execute(
        update(pin_reset)
        .where(*live, columns.code_digest == digest)
        .values(tries_left=columns.tries_left)
    )
    if right.rowcount:
        record_audit(operation, "pin_reset_code_accepted", f"artisan:{artisan_id}")
        return
    left = func.greatest(columns.tries_left - 1, 0)
    operation.connection.execute(update(pin_reset).where(*live).values(tries_left=left))
    record_audit(operation, "pin_reset_code_refused", f"artisan:{artisan_id}")
    raise ResetCodeUnknown()


def _keyed_digest(pin: SecretStr, key: bytes) -> bytes:
    own_key = hmac.digest(key, b"maalem artisan pin", "sha256")
    return hmac.digest(own_key, pin.get_secret_value().encode(), "sha256")


def _code_digest(code: str, artisan_id: int, key: bytes) -> bytes:
    own_key = hmac.digest(key, b"maalem pin reset", "sha256")
    return hmac.digest(own_key, f"{artisan_id}:{code}".encode(), "sha256")
