"""Sessions of the office's pages: begun at a sign-in, used by each request, ended at once.

A session stands at a stage until everything is proven; until then it opens that stage's page alone.
At each stage, and at each sign-in, it gets a new token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from pydantic import SecretStr
from sqlalchemy import Connection, Row, delete, exists, insert, or_, select, update

from app.audit.service import record_audit
from app.base.operation import Operation
from app.office.errors import OfficeSessionOver
from app.office.models import (
    office_authenticator,
    office_passkey,
    office_seat,
    office_session,
    office_user,
)
from app.office.rules import OfficeScope

_TOKEN_BITS, _CHALLENGE_BITS = 256, 256
# The time in which a second factor follows the password.
FACTOR_WITHIN = timedelta(minutes=5)
_KEPT_FOR = timedelta(days=30)
# So often the use of a session is noted: most requests only read.
_SEEN_EVERY = timedelta(minutes=1)


class Stage(StrEnum):
    """The proof that a session still waits for; `open` waits for none."""

    FACTOR = "factor"
    PASSWORD = "password"  # noqa: S105 - the one-time password is to be changed
    ENROLMENT = "enrolment"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """The time that a session lasts without a request, and in all."""

    idle: timedelta = timedelta(minutes=30)
    total: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SessionProof:
    """The browser in which a session began, and how its user proved who they are."""

    seat: str = ""
    factor: str | None = None
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class OfficeSession:
    """A session of the office as a request finds it."""

    id: int
    name: str
    role: str
    scope: OfficeScope
    stage: Stage = Stage.OPEN
    seat: str = ""
    factor: str | None = None
    by_provider: bool = False

    @property
    def proof(self) -> SessionProof:
        return SessionProof(self.seat, self.factor, self.by_provider)


@dataclass(frozen=True, slots=True)
class ListedOfficeSession:
    """A session that is open, as its user sees it."""

    id: int
    began_at: datetime
    seen_at: datetime
    factor: str | None


_HAS_FACTOR = or_(
    exists().where(
        office_authenticator.c.name == office_user.c.name,
        office_authenticator.c.enrolled_at.is_not(None),
    ),
    exists().where(office_passkey.c.name == office_user.c.name),
)


def begin_office_session(
    operation: Operation, random: Random, name: str, proof: SessionProof | None = None
) -> SecretStr:
    """Opens a session for a user who signed in, and returns the token that names it."""
    proof = proof or SessionProof()
    token = _draw_token(random)
    values = {
        "name": name,
        "began_at": operation.now,
        "seen_at": operation.now,
        "seat": proof.seat,
        "factor": proof.factor,
        "by_provider": proof.by_provider,
    }
    operation.connection.execute(
        insert(office_session).values(token_digest=digest_token(token), **values)
    )
    record_audit(operation, "office_signed_in", f"office:{name}", factor=proof.factor)
    return token


def use_office_session(
    operation: Operation, token: SecretStr, times: SessionTimes, *, factor_required: bool = False
) -> OfficeSession | None:
    """Returns the session that a token names, and notes that it was used. None if it is over.

    A use is noted once a minute: that early a session may be idle for too long. It is over for a
    dismissed user too. `factor_required`: who has no second factor enrols one.
    """
    columns, user = office_session.c, office_user.c
    row = operation.connection.execute(
        select(
            columns.id,
            columns.began_at,
            columns.seen_at,
            columns.seat,
            columns.factor,
            columns.by_provider,
            user.name,
            user.role,
            user.region,
            user.network,
            user.desk,
            user.one_time_until,
            _HAS_FACTOR.label("has_factor"),
        )
        .join(office_user, user.name == columns.name)
        .where(
            columns.token_digest == digest_token(token),
            columns.ended_at.is_(None),
            columns.began_at > operation.now - times.total,
            columns.seen_at > operation.now - times.idle,
            user.dismissed_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    stage = _find_stage(row, factor_required)
    if stage is Stage.FACTOR and row.began_at <= operation.now - FACTOR_WITHIN:
        return None
    if row.seen_at <= operation.now - _SEEN_EVERY:
        operation.connection.execute(
            update(office_session).where(columns.id == row.id).values(seen_at=operation.now)
        )
    return OfficeSession(
        row.id,
        row.name,
        row.role,
        OfficeScope(row.region, row.network, row.desk),
        stage,
        row.seat,
        row.factor,
        row.by_provider,
    )


def _find_stage(row: Row[*tuple[object, ...]], factor_required: bool) -> Stage:
    """Returns what a session waits for; a provider of identities stands for the password. Pure."""
    if row.has_factor and row.factor is None:
        return Stage.FACTOR
    if row.one_time_until is not None and not row.by_provider:
        return Stage.PASSWORD
    if factor_required and not row.has_factor and row.factor is None:
        return Stage.ENROLMENT
    return Stage.OPEN


def hold_office_session(connection: Connection, session_id: int) -> None:
    """Holds an open session until the transaction ends: whoever ends it, or dismisses, waits.

    Raises: OfficeSessionOver if it is over by now.
    """
    columns, user = office_session.c, office_user.c
    held = connection.execute(
        select(columns.id)
        .join(office_user, user.name == columns.name)
        .where(columns.id == session_id, columns.ended_at.is_(None), user.dismissed_at.is_(None))
        .with_for_update(key_share=True, of=office_session)
    ).scalar()
    if held is None:
        raise OfficeSessionOver()


def prove_factor(operation: Operation, random: Random, session_id: int, factor: str) -> SecretStr:
    """Notes the second factor of a session, and gives it another token.

    Raises: OfficeSessionOver if it is over by now.
    """
    token = _draw_token(random)
    values: dict[str, object] = {
        "factor": factor,
        "token_digest": digest_token(token),
        "challenge": None,
    }
    name = _change_open(operation, session_id, values)
    record_audit(operation, "office_factor_proven", f"office:{name}", factor=factor)
    return token


def keep_challenge(operation: Operation, random: Random, session_id: int) -> bytes:
    """Draws what a passkey is asked to sign, and keeps it in the session.

    Raises: OfficeSessionOver if the session is over by now.
    """
    challenge = random.getrandbits(_CHALLENGE_BITS).to_bytes(_CHALLENGE_BITS // 8, "big")
    _change_open(operation, session_id, {"challenge": challenge})
    return challenge


def take_challenge(operation: Operation, session_id: int) -> bytes | None:
    """Returns what was asked in the session, once; None if nothing was."""
    columns = office_session.c
    asked = operation.connection.execute(
        select(columns.challenge).where(columns.id == session_id).with_for_update()
    ).scalar()
    if asked is None:
        return None
    _change_open(operation, session_id, {"challenge": None})
    return bytes(asked)


def end_office_session(operation: Operation, token: SecretStr) -> None:
    """Ends the session that a token names, and with it every copy of the token."""
    columns = office_session.c
    ended = operation.connection.execute(
        update(office_session)
        .where(columns.token_digest == digest_token(token), columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by="sign_out")
        .returning(columns.name)
    ).scalar()
    if ended is not None:
        record_audit(operation, "office_signed_out", f"office:{ended}")


def end_own_session(operation: Operation, name: str, session_id: int) -> bool:
    """Ends one of a user's own sessions. Returns whether it was open."""
    columns = office_session.c
    ended = operation.connection.execute(
        update(office_session)
        .where(columns.name == name, columns.id == session_id, columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by="owner")
    )
    if ended.rowcount:
        record_audit(operation, "office_session_ended", f"office:{name}")
    return bool(ended.rowcount)


def end_office_sessions(operation: Operation, name: str, why: str) -> int:
    """Ends all sessions of a user, and what was proven at terminals. Returns how many sessions.

    `why` is `dismissal`, `new_password`, `reset`, `changed` or `factor_removed`.
    """
    columns, seat = office_session.c, office_seat.c
    ended = operation.connection.execute(
        update(office_session)
        .where(columns.name == name, columns.ended_at.is_(None))
        .values(ended_at=operation.now, ended_by=why)
    )
    operation.connection.execute(
        update(office_seat)
        .where(seat.name == name, seat.factor_at.is_not(None))
        .values(factor_at=None)
    )
    return ended.rowcount


def list_office_sessions(
    connection: Connection, name: str, now: datetime, times: SessionTimes
) -> Sequence[ListedOfficeSession]:
    """Returns a user's open sessions, the one used last first."""
    columns = office_session.c
    rows = connection.execute(
        select(columns.id, columns.began_at, columns.seen_at, columns.factor)
        .where(
            columns.name == name,
            columns.ended_at.is_(None),
            columns.began_at > now - times.total,
            columns.seen_at > now - times.idle,
        )
        .order_by(columns.seen_at.desc(), columns.id.desc())
    )
    return [ListedOfficeSession(row.id, row.began_at, row.seen_at, row.factor) for row in rows]


def forget_office_sessions(operation: Operation) -> int:
    """Deletes the sessions that began so long ago that nobody asks for them. Returns how many."""
    old = office_session.c.began_at < operation.now - _KEPT_FOR
    return operation.connection.execute(delete(office_session).where(old)).rowcount


def digest_token(token: SecretStr) -> bytes:
    """Returns what is kept of a token."""
    return hashlib.sha256(token.get_secret_value().encode()).digest()


def _draw_token(random: Random) -> SecretStr:
    return SecretStr(f"{random.getrandbits(_TOKEN_BITS):064x}")


def _change_open(operation: Operation, session_id: int, values: dict[str, object]) -> str:
    """Changes a session that is open. Returns whose it is. Raises: OfficeSessionOver."""
    columns = office_session.c
    changed = operation.connection.execute(
        update(office_session)
        .where(columns.id == session_id, columns.ended_at.is_(None))
        .values(**values)
        .returning(columns.name)
    ).scalar()
    if changed is None:
        raise OfficeSessionOver()
    return str(changed)
