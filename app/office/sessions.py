"""Sessions of the office's pages: begun at a sign-in, used by each request, ended at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from pydantic import SecretStr
from sqlalchemy import insert, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.office.models import office_session, office_user
from app.office.rules import OfficeScope

_TOKEN_BITS = 256


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """The time that a session lasts without a request, and in all."""

    idle: timedelta = timedelta(minutes=30)
    total: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class OfficeSession:
    """A session of the office as a request finds it."""

    id: int
    name: str
    role: str
    scope: OfficeScope


def begin_office_session(operation: Operation, random: Random, name: str) -> SecretStr:
    """Opens a session for a user who signed in, and returns the token that names it."""
    token = SecretStr(f"{random.getrandbits(_TOKEN_BITS):064x}")
    values = {"name": name, "began_at": operation.now, "seen_at": operation.now}
    operation.connection.execute(
        insert(office_session).values(token_digest=digest_token(token), **values)
    )
    record_audit(operation, "office_signed_in", f"office:{name}")
    return token


def use_office_session(
    operation: Operation, token: SecretStr, times: SessionTimes
) -> OfficeSession | None:
    """Returns the session that a token names, and notes that it was used. None if it is over.

    It is over for a dismissed user too.
    """
    columns, user = office_session.c, office_user.c
    row = operation.connection.execute(
        update(office_session)
        .values(seen_at=operation.now)
        .where(
            columns.token_digest == digest_token(token),
            columns.ended_at.is_(None),
            columns.began_at > operation.now - times.total,
            columns.seen_at > operation.now - times.idle,
            user.name == columns.name,
            user.dismissed_at.is_(None),
        )
        .returning(columns.id, user.name, user.role, user.region, user.network, user.desk)
    ).one_or_none()
    if row is None:
        return None
    return OfficeSession(row.id, row.name, row.role, OfficeScope(row.region, row.network, row.desk))


def end_office_session(operation: Operation, token: SecretStr) -> None:
    """Ends the session that a token names, and with it every copy of the token."""
    columns = office_session.c
    operation.connection.execute(
        update(office_session)
        .where(columns.token_digest == digest_token(token), columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by="sign_out")
    )


def end_office_sessions(operation: Operation, name: str, why: str) -> int:
    """Ends all sessions of a user; `why` is `dismissal`, `new_password` or `changed`."""
    columns = office_session.c
    ended = operation.connection.execute(
        update(office_session)
        .where(columns.name == name, columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by=why)
    )
    return ended.rowcount


def digest_token(token: SecretStr) -> bytes:
    """Returns what is kept of a token."""
    return hashlib.sha256(token.get_secret_value().encode()).digest()
