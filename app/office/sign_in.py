"""Signs users of the office in: the password, then a second factor where one is enrolled.

Wrong ones of either are counted together, and pause the name; in a browser or terminal where the
user signed in before they are counted apart, so that strangers pause nobody there. A name that is
nobody's is paused alike, and its answer takes as long. No function commits; the caller commits
after a refusal too, because wrong ones are counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pydantic import SecretStr
from sqlalchemy import Row, Update, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.audit.service import record_audit
from app.base.clock import local
from app.base.operation import Operation
from app.base.slow_hash import hash_slowly, is_hash_of
from app.office.errors import SignInPaused, SignInRefused
from app.office.models import office_seat, office_unknown_name, office_user
from app.office.rules import OfficeScope, name_key

WRONG_SECRETS_ALLOWED = 5
PAUSED_FOR = timedelta(minutes=15)
_MOST_DOUBLINGS = 6
# At a terminal a code is good for the commands of so long.
FACTOR_KNOWN_FOR = timedelta(minutes=30)
# Where somebody signed in so lately, they are known.
_KNOWN_FOR = timedelta(days=90)
# Longer than the longest pause.
_UNKNOWN_KEPT = timedelta(days=2)
_CLEARED = {"wrong_secrets": 0, "pauses": 0, "paused_until": None}


@dataclass(frozen=True, slots=True)
class OfficeUser:
    """Somebody who works at the office, whose secret was right."""

    name: str
    role: str
    scope: OfficeScope
    sample: bool
    has_one_time_password: bool


@dataclass(frozen=True, slots=True)
class _Door:
    """The place where wrong secrets of a user are counted, with its counts."""

    change: Update
    name: str
    wrong_secrets: int
    pauses: int
    paused_until: datetime | None


def check_command_secret(operation: Operation, typed: str, secret: SecretStr) -> OfficeUser:
    """Returns the user of this name and secret, who may have a second factor to prove yet.

    Raises: SignInRefused, SignInPaused.
    """
    row = check_secret(operation, typed, secret)
    scope = OfficeScope(row.region, row.network, row.desk)
    return OfficeUser(row.name, row.role, scope, row.sample, row.one_time_until is not None)


def take_seat(operation: Operation, name: str, *, with_factor: bool = False) -> None:
    """Notes that the user signed in at the operation's terminal, if it has one.

    `with_factor`: a second factor was proven at this command.
    """
    if not operation.seat:
        return
    noted = {"signed_in_at": operation.now}
    if with_factor:
        noted["factor_at"] = operation.now
    statement = insert(office_seat).values(seat=operation.seat, name=name, **noted)
    operation.connection.execute(
        statement.on_conflict_do_update(index_elements=["seat", "name"], set_=noted)
    )


def is_factor_known(operation: Operation, name: str) -> bool:
    """True if the user proved a second factor lately at a command of the same terminal."""
    columns = office_seat.c
    known = select(columns.name).where(
        columns.seat == operation.seat,
        columns.name == name,
        columns.factor_at > operation.now - FACTOR_KNOWN_FOR,
    )
    return bool(operation.seat) and operation.connection.execute(known).first() is not None


def check_secret(operation: Operation, typed: str, secret: SecretStr) -> Row[*tuple[object, ...]]:
    """Returns the row of the user with this secret, locked; wrong ones stay counted.

    The slow comparison comes before the lock.

    Raises: SignInRefused, SignInPaused.
    """
    columns = office_user.c
    found = select(columns.name, columns.password_hash).where(
        columns.name_key == name_key(typed), columns.dismissed_at.is_(None)
    )
    known = operation.connection.execute(found).one_or_none()
    stored = known.password_hash if known else _hash_for_unknown_name()
    right = is_hash_of(stored, secret.get_secret_value())
    if known is None:
        _refuse_unknown_name(operation, typed)
        raise SignInRefused(by=typed)
    row = _lock_user(operation, known.name)
    door = _find_door(operation, row)
    _refuse_paused(operation, row.name, door.paused_until)
    late = row.one_time_until is not None and row.one_time_until <= operation.now
    if row.dismissed_at is not None:
        raise SignInRefused(by=typed)
    if not right or row.password_hash != known.password_hash or late:
        _count_wrong_secret(operation, door)
        raise SignInRefused(by=typed)
    return row


def check_factor(operation: Operation, name: str, prove: Callable[[], str | None]) -> str:
    """Returns what the second factor was, as `prove` says it; None of it is counted as wrong.

    The user stays locked, so that guesses sent at once are counted one by one.

    Raises: SignInRefused, SignInPaused.
    """
    row = _lock_user(operation, name)
    if row.dismissed_at is not None:
        raise SignInRefused(by=name)
    door = _find_door(operation, row)
    _refuse_paused(operation, name, door.paused_until)
    proof = prove()
    if proof is None:
        _count_wrong_secret(operation, door)
        raise SignInRefused(by=name)
    clear_wrong_secrets(operation, name)
    return proof


def clear_wrong_secrets(operation: Operation, name: str) -> None:
    """Forgets what was counted against a user who has proven everything, here and elsewhere."""
    user, seat = office_user.c, office_seat.c
    operation.connection.execute(update(office_user).where(user.name == name).values(**_CLEARED))
    operation.connection.execute(
        update(office_seat)
        .where(seat.name == name, or_(seat.wrong_secrets > 0, seat.pauses > 0))
        .values(**_CLEARED)
    )


def forget_unknown_names(operation: Operation) -> int:
    """Deletes what was counted against names that are nobody's. Returns how many."""
    old = office_unknown_name.c.tried_at < operation.now - _UNKNOWN_KEPT
    return operation.connection.execute(delete(office_unknown_name).where(old)).rowcount


@cache
def _hash_for_unknown_name() -> str:
    """Returns the hash to check for an unknown name, so that the answer takes as long as any."""
    return hash_slowly("nobody")


def _lock_user(operation: Operation, name: str) -> Row[*tuple[object, ...]]:
    statement = select(office_user).where(office_user.c.name == name)
    return operation.connection.execute(statement.with_for_update()).one()


def _refuse_paused(operation: Operation, name: str, until: datetime | None) -> None:
    """Raises: SignInPaused."""
    if until and until > operation.now:
        raise SignInPaused(by=name, until=f"{local(until):%H:%M}")


def _find_door(operation: Operation, user: Row[*tuple[object, ...]]) -> _Door:
    """Returns where wrong secrets of a user, whose row is locked, are counted."""
    columns = office_seat.c
    here = columns.seat == operation.seat, columns.name == user.name
    lately = columns.signed_in_at > operation.now - _KNOWN_FOR
    seat = operation.connection.execute(select(office_seat).where(*here, lately)).one_or_none()
    if operation.seat and seat is not None:
        change, row = update(office_seat).where(*here), seat
    else:
        change, row = update(office_user).where(office_user.c.name == user.name), user
    return _Door(change, user.name, row.wrong_secrets, row.pauses, row.paused_until)


def _count_wrong_secret(operation: Operation, door: _Door) -> None:
    values = _count(door.wrong_secrets, door.pauses, operation.now)
    if until := values.get("paused_until"):
        record_audit(
            operation, "office_user_paused", f"office:{door.name}", until=f"{until:%FT%TZ}"
        )
    operation.connection.execute(door.change.values(**values))


def _refuse_unknown_name(operation: Operation, typed: str) -> None:
    """Counts a secret for a name that is nobody's, as it is counted for a user.

    Raises: SignInPaused.
    """
    digest = hashlib.sha256(name_key(typed).encode()).digest()
    statement = insert(office_unknown_name).values(name_digest=digest, tried_at=operation.now)
    # The row is locked, whether it was there before or not.
    row = operation.connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name_digest"], set_={"tried_at": operation.now}
        ).returning(*office_unknown_name.c)
    ).one()
    _refuse_paused(operation, typed, row.paused_until)
    operation.connection.execute(
        update(office_unknown_name)
        .where(office_unknown_name.c.name_digest == digest)
        .values(**_count(row.wrong_secrets, row.pauses, operation.now))
    )


def _count(wrong_before: int, pauses: int, now: datetime) -> dict[str, object]:
    """Returns the columns after one more wrong secret; each pause is twice the one before. Pure."""
    wrong = wrong_before + 1
    if wrong < WRONG_SECRETS_ALLOWED:
        return {"wrong_secrets": wrong}
    until = now + PAUSED_FOR * 2 ** min(pauses, _MOST_DOUBLINGS)
    return {"wrong_secrets": 0, "pauses": pauses + 1, "paused_until": until}
