"""A user's authenticator app (TOTP, RFC 6238): its secret is kept sealed, a code is good once."""

from __future__ import annotations

import hmac
import unicodedata
from binascii import Error as BadText
from datetime import datetime

import pyotp
import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.keys import Keys, KeyUnknown, Purpose
from app.base.operation import Operation
from app.office.errors import FactorEnrolled
from app.office.models import office_authenticator

_STEP_SECONDS, _DIGITS = 30, 6
# A clock may be one step fast or slow.
_WINDOW = 1
_ISSUER = "Maalem"
_log = structlog.get_logger("office")


def begin_authenticator(operation: Operation, keys: Keys, name: str) -> str:
    """Returns the secret to be put into the app, the same until a code of it was seen.

    Raises: FactorEnrolled.
    """
    columns = office_authenticator.c
    fresh = pyotp.random_base32()
    sealed = keys.seal(Purpose.AUTHENTICATOR, fresh)
    statement = insert(office_authenticator).values(
        name=name, secret=sealed, begun_at=operation.now
    )
    begun = operation.connection.execute(
        statement.on_conflict_do_nothing().returning(columns.name)
    ).scalar()
    if begun is not None:
        record_audit(operation, "office_authenticator_begun", f"office:{name}")
        return fresh
    row = operation.connection.execute(
        select(columns.secret, columns.enrolled_at).where(columns.name == name).with_for_update()
    ).one()
    if row.enrolled_at is not None:
        raise FactorEnrolled()
    if (kept := _open(keys, row.secret)) is not None:
        return kept
    operation.connection.execute(
        update(office_authenticator).where(columns.name == name).values(secret=sealed)
    )
    return fresh


def write_address(secret: str, name: str) -> str:
    """Returns the address that an authenticator app reads from the square."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def enrol_authenticator(operation: Operation, keys: Keys, name: str, typed: str) -> bool:
    """Enrols the app that was begun, if the code is one of it. Returns whether it is."""
    if not _use_code(operation, keys, name, typed, enrolled=False):
        return False
    operation.connection.execute(
        update(office_authenticator)
        .where(office_authenticator.c.name == name)
        .values(enrolled_at=operation.now)
    )
    record_audit(operation, "office_factor_enrolled", f"office:{name}", factor="authenticator")
    return True


def use_authenticator_code(operation: Operation, keys: Keys, name: str, typed: str) -> bool:
    """Uses a code of the user's app up. Returns whether it was good; the second time it is not."""
    return _use_code(operation, keys, name, typed, enrolled=True)


def remove_authenticator(operation: Operation, name: str) -> bool:
    """Removes the app, enrolled or begun. Returns whether an enrolled one was there."""
    columns = office_authenticator.c
    removed = operation.connection.execute(
        delete(office_authenticator).where(columns.name == name).returning(columns.enrolled_at)
    ).one_or_none()
    if removed is None or removed.enrolled_at is None:
        return False
    record_audit(operation, "office_factor_removed", f"office:{name}", factor="authenticator")
    return True


def read_code(typed: str) -> str:
    """Returns typed digits of any script as ordinary ones, without blanks."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in typed if not sign.isspace())


def _use_code(operation: Operation, keys: Keys, name: str, typed: str, *, enrolled: bool) -> bool:
    columns = office_authenticator.c
    # Locked, so that a code sent twice at once is good once.
    row = operation.connection.execute(
        select(columns.secret, columns.last_step)
        .where(columns.name == name, columns.enrolled_at.is_not(None) == enrolled)
        .with_for_update()
    ).one_or_none()
    secret = _open(keys, row.secret) if row else None
    if row is None or secret is None:
        return False
    step = _find_step(secret, read_code(typed), operation.now, row.last_step)
    if step is None:
        return False
    operation.connection.execute(
        update(office_authenticator).where(columns.name == name).values(last_step=step)
    )
    return True


def _find_step(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """Returns the time step that the code is of, later than the last one used; None if none. Pure.

    Every step of the window is compared, however early one fits.
    """
    if len(code) != _DIGITS or not code.isascii():
        return None
    totp, today = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_SECONDS
    steps = range(today - _WINDOW, today + _WINDOW + 1)
    fits = [step for step in steps if hmac.compare_digest(totp.at(step * _STEP_SECONDS), code)]
    return next((step for step in fits if last_step is None or step > last_step), None)


def _open(keys: Keys, sealed: str) -> str | None:
    """Returns the secret; None if its key was taken away, which `flask keys status` shows."""
    try:
        return keys.open(Purpose.AUTHENTICATOR, sealed)
    except (KeyUnknown, ValueError, BadText):
        _log.error("authenticator_unreadable", key=sealed[:8])
        return None
