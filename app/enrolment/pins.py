"""The artisan's own PIN: set, checked, paused, forgotten and reset.

Four digits fall to trying them all, so what is stored is keyed by the installation's secret, and
tries are few: three wrong ones pause it.
"""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from random import Random

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from pydantic import SecretStr
from sqlalchemy import Connection, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.enrolment.errors import PinPaused, ResetCodeUnknown, WrongPinTyped
from app.enrolment.models import artisan_pin, pin_reset

WRONG_PINS_ALLOWED = 3
PAUSED_FOR = timedelta(minutes=30)
RESET_WITHIN = timedelta(minutes=10)
_RESET_TRIES = 3
# On the line somebody waits; the key, not the cost, is what protects four digits.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_OBVIOUS = {"1234", "4321", "0123", "1212", "2580", "2000"}


def read_new_pin(typed: str) -> str:
    """Four digits that are not the first a thief would try; InvalidInput otherwise."""
    if not re.fullmatch(r"[0-9]{4}", typed):
        raise InvalidInput(what="pin", why="not four digits")
    if typed in _OBVIOUS or len(set(typed)) == 1:
        raise InvalidInput(what="pin", why="too easy")
    return typed


def pin_hash(pin: SecretStr, key: bytes) -> str:
    """What may be stored of a PIN; slow on purpose, and useless without the key."""
    return _hasher.hash(_keyed(pin, key))


def is_pin_of(stored: str, pin: SecretStr, key: bytes) -> bool:
    try:
        return _hasher.verify(stored, _keyed(pin, key))
    except VerifyMismatchError:
        return False


def set_pin(
    connection: Connection, artisan_id: int, hashed: str, phone: Phone, now: datetime
) -> None:
    """Sets or replaces the PIN; a pause and a reset under way are over."""
    values = {
        "pin_hash": hashed,
        "set_on": phone.e164,
        "set_at": now,
        "wrong_pins": 0,
        "paused_until": None,
        "tried_by": None,
    }
    statement = insert(artisan_pin).values(artisan_id=artisan_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["artisan_id"], set_=values))
    connection.execute(delete(pin_reset).where(pin_reset.c.artisan_id == artisan_id))


def remove_pin(connection: Connection, artisan_id: int) -> bool:
    """Whether there was one to remove."""
    connection.execute(delete(pin_reset).where(pin_reset.c.artisan_id == artisan_id))
    removed = delete(artisan_pin).where(artisan_pin.c.artisan_id == artisan_id)
    return bool(connection.execute(removed).rowcount)


def check_pin(
    connection: Connection,
    artisan_id: int,
    pin: SecretStr,
    *,
    key: bytes,
    action_key: str,
    now: datetime,
) -> None:
    """WrongPinTyped, or PinPaused with its `until`; commit either way, so that wrong ones count.

    The slow comparison comes before the row is locked. The same `action_key` counts once.
    """
    asked = select(artisan_pin.c.pin_hash).where(artisan_pin.c.artisan_id == artisan_id)
    stored = connection.execute(asked).scalar()
    if stored is None:
        return
    right = is_pin_of(stored, pin, key)
    changed = _right_pin() if right else _wrong_pin(action_key, now)
    pin_row = artisan_pin.c
    counted = connection.execute(
        update(artisan_pin)
        .where(
            pin_row.artisan_id == artisan_id,
            or_(pin_row.paused_until.is_(None), pin_row.paused_until <= now),
        )
        .values(changed)
        .returning(pin_row.paused_until)
    ).one_or_none()
    if counted is None:
        until = select(pin_row.paused_until).where(pin_row.artisan_id == artisan_id)
        raise PinPaused(until=connection.execute(until).scalar() or now)
    if counted.paused_until and counted.paused_until > now:
        raise PinPaused(until=counted.paused_until)
    if not right:
        raise WrongPinTyped()


def _right_pin() -> dict[str, object]:
    return {"wrong_pins": 0, "paused_until": None, "tried_by": None}


def _wrong_pin(action_key: str, now: datetime) -> dict[str, object]:
    row = artisan_pin.c
    again = row.tried_by == action_key
    full = row.wrong_pins + 1 >= WRONG_PINS_ALLOWED
    return {
        "wrong_pins": case((again, row.wrong_pins), (full, 0), else_=row.wrong_pins + 1),
        "paused_until": case((again, row.paused_until), (full, now + PAUSED_FOR), else_=None),
        "tried_by": action_key,
    }


def start_pin_reset(
    connection: Connection,
    artisan_id: int,
    *,
    key: bytes,
    random: Random,
    action_key: str,
    now: datetime,
) -> tuple[str, Phone] | None:
    """A one-time code of six digits, and the phone it may be told to; None without a PIN, and
    where the same `action_key` asked before.

    A new one ends the one before. It is typed in this session or a later one.
    """
    asked = select(artisan_pin.c.set_on).where(artisan_pin.c.artisan_id == artisan_id)
    phone = connection.execute(asked).scalar()
    if phone is None:
        return None
    code = f"{random.randrange(10**6):06d}"
    values = {
        "code_digest": _code_digest(code, artisan_id, key),
        "expires_at": now + RESET_WITHIN,
        "tries_left": _RESET_TRIES,
        "asked_by": action_key,
    }
    statement = insert(pin_reset).values(artisan_id=artisan_id, **values)
    made = statement.on_conflict_do_update(
        index_elements=["artisan_id"], set_=values, where=pin_reset.c.asked_by != action_key
    )
    new = connection.execute(made.returning(pin_reset.c.artisan_id)).scalar()
    return (code, Phone(phone)) if new is not None else None


def take_reset_code(
    connection: Connection, artisan_id: int, code: SecretStr, *, key: bytes, now: datetime
) -> None:
    """ResetCodeUnknown for a wrong, old or used-up one; commit either way, so that tries count."""
    row = pin_reset.c
    digest = _code_digest(code.get_secret_value(), artisan_id, key)
    live = (row.artisan_id == artisan_id, row.expires_at > now, row.tries_left > 0)
    # A right one stays until the new PIN is set, so that a broken line does not use it up.
    right = connection.execute(
        update(pin_reset).where(*live, row.code_digest == digest).values(tries_left=row.tries_left)
    )
    if right.rowcount:
        return
    left = func.greatest(row.tries_left - 1, 0)
    connection.execute(update(pin_reset).where(*live).values(tries_left=left))
    raise ResetCodeUnknown()


def _keyed(pin: SecretStr, key: bytes) -> bytes:
    apart = hmac.digest(key, b"maalem artisan pin", "sha256")
    return hmac.digest(apart, pin.get_secret_value().encode(), "sha256")


def _code_digest(code: str, artisan_id: int, key: bytes) -> bytes:
    apart = hmac.digest(key, b"maalem pin reset", "sha256")
    return hmac.digest(apart, f"{artisan_id}:{code}".encode(), "sha256")
