"""Sends what the outbox holds: claim with a lease, give the connection back, send, record.

A worker killed at any moment leaves its messages leased; past the lease another takes them over,
asks the provider by our reference first, and sends only what the provider does not know.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, literal, or_, select, update

from app.base.clock import Clock
from app.base.database import transaction
from app.base.phone import Phone
from app.messaging.models import message
from app.sms.provider import FateUnknown, NotSent, OutgoingSms, Provider

# Longer than any provider may take to answer.
LEASE = timedelta(seconds=30)
# A provider may be away for days, and a receipt is still wanted when it comes back.
GIVEN_UP_AFTER = timedelta(hours=72)
_LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message this worker may send until `leased_until`; `taken_over` from one that died."""

    id: int
    phone: Phone
    body: str
    attempts: int
    created_at: datetime
    leased_until: datetime
    taken_over: bool

    @property
    def reference(self) -> str:
        return f"maalem-{self.id}"


def claim_messages(connection: Connection, now: datetime, most: int) -> list[Claimed]:
    """Leases up to `most` waiting messages; no two workers get the same one."""
    waiting = (
        select(message.c.id, (message.c.state == "sending").label("taken_over"))
        .where(
            message.c.state.in_(("queued", "sending")),
            message.c.due_at <= now,
            or_(message.c.state == "queued", message.c.leased_until < now),
        )
        .order_by(message.c.due_at, message.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    leased_until = now + LEASE
    rows = connection.execute(
        update(message)
        .where(message.c.id == waiting.c.id)
        .values(state="sending", leased_until=leased_until, attempts=message.c.attempts + 1)
        .returning(
            message.c.id,
            message.c.phone,
            message.c.body,
            message.c.attempts,
            message.c.created_at,
            literal(leased_until),
            waiting.c.taken_over,
        )
    )
    return [Claimed(row[0], Phone(row[1]), *row[2:]) for row in rows]


def send_claimed(database: Engine, provider: Provider, claimed: Claimed, clock: Clock) -> str:
    """Sends one message and records how it went; gives its new state.

    No connection is held while the provider is spoken to.
    """
    try:
        reference = _already_taken(provider, claimed) or provider.send(
            OutgoingSms(claimed.reference, claimed.phone, claimed.body)
        )
    except FateUnknown as unknown:
        with transaction(database) as connection:
            again = NotSent(unknown.reason, again="here")
            return _record_refusal(connection, claimed, again, clock())
    except NotSent as refusal:
        with transaction(database) as connection:
            return _record_refusal(connection, claimed, refusal, clock())
    with transaction(database) as connection:
        _record(
            connection,
            claimed,
            state="sent",
            provider=provider.name,
            provider_reference=reference,
            sent_at=clock(),
            error=None,
        )
    return "sent"


def _already_taken(provider: Provider, claimed: Claimed) -> str | None:
    if not claimed.taken_over:
        return None
    try:
        return provider.find(OutgoingSms(claimed.reference, claimed.phone, claimed.body))
    except LookupError:
        # It cannot be asked: a receipt or a code twice is harmless, one never is not.
        return None


def _record_refusal(
    connection: Connection, claimed: Claimed, refusal: NotSent, now: datetime
) -> str:
    if refusal.again == "never" or now - claimed.created_at > GIVEN_UP_AFTER:
        _record(connection, claimed, state="failed", ended_at=now, error=refusal.reason)
        return "failed"
    wait = min(timedelta(seconds=2 ** min(claimed.attempts, 16)), _LONGEST_WAIT)
    _record(connection, claimed, state="queued", due_at=now + wait, error=refusal.reason)
    return "queued"


def _record(connection: Connection, claimed: Claimed, **values: object) -> None:
    """Only while the lease is still ours: a worker thought dead must not overwrite its heir."""
    connection.execute(
        update(message)
        .where(
            message.c.id == claimed.id,
            message.c.state == "sending",
            message.c.leased_until == claimed.leased_until,
        )
        .values(leased_until=None, **values)
    )
