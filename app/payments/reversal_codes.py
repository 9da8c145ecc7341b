"""Codes that an artisan reads out of an SMS to have a deposit reversed: drawn, tried and used.

Six digits can be found by trying all of them. Therefore only a digest keyed by the installation's
secret is kept, a code lives for minutes, and tries and codes of a deposit are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.keys import Purpose
from app.base.operation import Operation
from app.payments.errors import AlreadyReversed, ReversalCodeWrong, TooManyCodes
from app.payments.models import reversal_code
from app.services import Services

CODE_LASTS = timedelta(minutes=10)
_TRIES = 3
_MOST_CODES = 3
_columns = reversal_code.c


@dataclass(frozen=True, slots=True)
class LiveReversalCode:
    """A code that may still be typed; `typed` is None where it was sent before and is not known."""

    expires_at: datetime
    typed: str | None = None


def find_live_reversal_code(
    connection: Connection, receipt: str, now: datetime
) -> LiveReversalCode | None:
    """Returns the code that may still be typed for a deposit, if one was sent."""
    live = select(_columns.expires_at).where(
        _columns.receipt_number == receipt,
        _columns.expires_at > now,
        _columns.tries_left > 0,
        _columns.used_at.is_(None),
    )
    expires_at = connection.execute(live).scalar()
    return LiveReversalCode(expires_at) if expires_at else None


def draw_reversal_code(operation: Operation, services: Services, receipt: str) -> LiveReversalCode:
    """Draws a new code for a deposit, or returns the live one. The caller holds the deposit's lock.

    Raises: TooManyCodes.
    """
    connection, now = operation.connection, operation.now
    if live := find_live_reversal_code(connection, receipt, now):
        return live
    code = f"{services.random.randrange(10**6):06d}"
    values = {
        "code_digest": services.keys.digest(Purpose.REVERSAL_CODE, f"{receipt}:{code}"),
        "asked_by": operation.actor,
        "sent_at": now,
        "expires_at": now + CODE_LASTS,
        "tries_left": _TRIES,
    }
    statement = (
        insert(reversal_code)
        .values(receipt_number=receipt, times_sent=1, **values)
        .on_conflict_do_update(
            index_elements=["receipt_number"],
            set_={**values, "times_sent": _columns.times_sent + 1},
            where=_columns.times_sent < _MOST_CODES,
        )
        .returning(_columns.receipt_number)
    )
    if connection.execute(statement).scalar() is None:
        raise TooManyCodes()
    return LiveReversalCode(now + CODE_LASTS, code)


def try_reversal_code(
    operation: Operation, services: Services, receipt: str, code: SecretStr
) -> None:
    """Accepts a right code, which stays good until it is used; a wrong try is counted.

    The caller commits after a refusal too. Raises: ReversalCodeWrong, AlreadyReversed.
    """
    connection, now = operation.connection, operation.now
    row = connection.execute(
        select(reversal_code).where(_columns.receipt_number == receipt).with_for_update()
    ).one_or_none()
    if row is None:
        raise ReversalCodeWrong()
    if row.used_at is not None:
        raise AlreadyReversed(reversed_at=row.used_at)
    is_live = row.expires_at > now and row.tries_left > 0
    if is_live and row.code_digest in _digests(services, receipt, code):
        return
    left = func.greatest(_columns.tries_left - 1, 0)
    own = _columns.receipt_number == receipt
    connection.execute(update(reversal_code).where(own).values(tries_left=left))
    record_audit(operation, "reversal_code_mistyped", f"deposit:{receipt}")
    raise ReversalCodeWrong()


def use_reversal_code(
    operation: Operation, services: Services, receipt: str, code: SecretStr
) -> None:
    """Uses the code up for a reversal. Raises: ReversalCodeWrong."""
    used = operation.connection.execute(
        update(reversal_code)
        .where(
            _columns.receipt_number == receipt,
            _columns.expires_at > operation.now,
            _columns.tries_left > 0,
            _columns.used_at.is_(None),
            _columns.code_digest.in_(_digests(services, receipt, code)),
        )
        .values(used_at=operation.now)
    )
    if not used.rowcount:
        raise ReversalCodeWrong()


def _digests(services: Services, receipt: str, code: SecretStr) -> list[bytes]:
    typed = f"{receipt}:{code.get_secret_value()}"
    return services.keys.digests(Purpose.REVERSAL_CODE, typed)
