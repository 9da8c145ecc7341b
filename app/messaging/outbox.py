"""Takes messages out of the outbox and writes down what became of them, many in one statement.

Claim with a lease, give the connection back, send, record. A worker killed at any moment leaves
its messages leased; past the lease another takes them over, and the provider that had them is
asked before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Interval,
    Select,
    SmallInteger,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.base.phone import Phone
from app.messaging.models import ANSWER, CAMPAIGN, message, provider_opt_out
from app.messaging.retries import DeliveryAttempt, Disposition
from app.messaging.routing import Capacity, RouteRequest, choose_provider

# Longer than any provider may take to answer, asked first and then sent to.
LEASE = timedelta(seconds=45)
# Until a provider has room or is well again.
_NO_ROOM = timedelta(seconds=5)
# An answer does not wait longer for a provider that may have it and cannot be asked now.
_DOUBT_LASTS = timedelta(minutes=10)

# Of messages of a campaign: which nobody wants any more. Asked in the claim's transaction.
Unwanted = Callable[[Connection, list[int], datetime], Collection[int]]


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message this worker may send until its lease ends; `doubt`: the provider may have it."""

    handed: DeliveryAttempt
    phone: Phone
    body: str
    doubt: bool

    @property
    def reference(self) -> str:
        return f"maalem-{self.handed.id}"


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """How messages are shared out: the providers in order, their weights, what each may take."""

    providers: Sequence[str]
    weights: Mapping[str, int]
    room: Capacity
    random: Random


def claim_messages(
    connection: Connection,
    choice: RoutingPolicy,
    now: datetime,
    most: int,
    *,
    campaigns: bool = True,
    unwanted: Unwanted = lambda _connection, _ids, _now: (),
) -> list[ClaimedMessage]:
    """Leases up to `most` waiting messages, answers first; no two workers get the same one.

    Messages of campaigns wait where `campaigns` is False. One that has become useless is
    cancelled, one that no provider has room for is put off a little.
    """
    rows = _waiting(connection, now, most, campaigns)
    gone = _useless(connection, rows, now, unwanted)
    claimed, later = [], []
    for row in rows:
        if row.id in gone:
            continue
        provider = _provider_for(row, choice)
        if provider is None:
            later.append(row.id)
            continue
        choice.room.take(provider)
        claimed.append(_claimed(row, provider, now))
    _lease(connection, claimed)
    _put_off(connection, later, choice.providers, now)
    return claimed


def _waiting(connection: Connection, now: datetime, most: int, campaigns: bool) -> Sequence[Any]:
    asked = {"now": now, "most": most, "lowest": CAMPAIGN if campaigns else ANSWER}
    return connection.execute(_WAITING, asked).all()


def _useless(
    connection: Connection, rows: Sequence[Any], now: datetime, unwanted: Unwanted
) -> set[int]:
    """Those past their use or not wanted any more, cancelled; one in doubt is kept to be asked."""
    late = {row.id for row in rows if row.useful_until and row.useful_until <= now}
    of_campaigns = [row.id for row in rows if row.priority == CAMPAIGN and row.id not in late]
    no_more = set(unwanted(connection, of_campaigns, now)) if of_campaigns else set()
    gone = (late | no_more) - {row.id for row in rows if row.doubt}
    for ids, why in ((late & gone, "too late"), (no_more & gone, "not wanted any more")):
        if ids:
            connection.execute(
                update(message)
                .where(message.c.id.in_(ids))
                .values(state="cancelled", ended_at=now, leased_until=None, error=why)
            )
    return gone


def _provider_for(row: Any, choice: RoutingPolicy) -> str | None:
    refused = {*row.tried, *(row.stops or ())}
    wanted = RouteRequest(row.provider, row.attempts_here, refused, row.doubt)
    return choose_provider(wanted, choice.room, choice.providers, choice.weights, choice.random)


def _claimed(row: Any, provider: str, now: datetime) -> ClaimedMessage:
    handed = DeliveryAttempt(
        id=row.id,
        priority=row.priority,
        provider=provider,
        attempts=row.attempts + 1,
        attempts_here=row.attempts_here + 1 if row.provider == provider else 1,
        tried=tuple(row.tried),
        created_at=row.created_at,
        useful_until=row.useful_until,
        leased_until=now + LEASE,
    )
    return ClaimedMessage(handed, Phone(row.phone), row.body, row.doubt is not None)


def _lease(connection: Connection, claimed: Sequence[ClaimedMessage]) -> None:
    if not claimed:
        return
    handed = [one.handed for one in claimed]
    connection.execute(
        _LEASE,
        {
            "ids": [one.id for one in handed],
            "providers": [one.provider for one in handed],
            "attempts_here": [one.attempts_here for one in handed],
            "until": handed[0].leased_until,
        },
    )


def _put_off(
    connection: Connection, ids: list[int], providers: Sequence[str], now: datetime
) -> None:
    """A person who has said STOP to every provider there is cannot be reached at all."""
    if not ids:
        return
    row, stop = message.c, provider_opt_out.c
    stops = select(func.count()).where(stop.phone == row.phone, stop.provider.in_(providers))
    reachable = stops.scalar_subquery() < len(providers)
    impatient = and_(
        row.priority == ANSWER, row.doubt.is_not(None), row.created_at < now - _DOUBT_LASTS
    )
    stopped_at = select(func.array_agg(stop.provider)).where(stop.phone == row.phone)
    refused = func.array_cat(row.tried, stopped_at.scalar_subquery(), type_=ARRAY(Text))
    refused_everywhere = refused.contains(list(providers))
    connection.execute(
        update(message)
        .where(row.id.in_(ids))
        .values(
            state=case((reachable, "queued"), else_="failed"),
            ended_at=case((reachable, None), else_=now),
            error=case((reachable, row.error), else_="stopped at every provider"),
            leased_until=None,
            due_at=now + _NO_ROOM * (1 + 0.5 * func.random()),
            tried=case((refused_everywhere, []), else_=row.tried),
            # A worker died with it: whoever has it next asks first.
            doubt=case((row.state == "sending", row.provider), (impatient, None), else_=row.doubt),
            resent_unknown=row.resent_unknown + case((impatient, 1), else_=0),
        )
    )


def record_sent(
    connection: Connection, results: Iterable[tuple[ClaimedMessage, Disposition]], now: datetime
) -> list[int]:
    """Writes down what became of them; gives the ids that were written.

    Only while the lease is still ours: a worker thought dead must not overwrite its heir.
    """
    pairs = list(results)
    if not pairs:
        return []
    columns: dict[str, list[Any]] = {
        "ids": [claimed.handed.id for claimed, _ in pairs],
        "leases": [claimed.handed.leased_until for claimed, _ in pairs],
        "states": [to.state for _, to in pairs],
        "errors": [to.error for _, to in pairs],
        "references": [to.reference for _, to in pairs],
        "waits": [to.wait for _, to in pairs],
        "trieds": [",".join(to.tried) for _, to in pairs],
        "doubts": [to.doubt for _, to in pairs],
        "resents": [to.resent for _, to in pairs],
        "ends": [to.ends for _, to in pairs],
    }
    return list(connection.execute(_RECORD, columns | {"now": now}).scalars())


def _waiting_statement() -> Select[Any]:
    row = message.c
    now = bindparam("now", type_=DateTime(True))
    stops = (
        select(func.array_agg(provider_opt_out.c.provider))
        .where(provider_opt_out.c.phone == row.phone)
        .scalar_subquery()
    )
    return (
        select(
            row.id,
            row.priority,
            row.phone,
            row.body,
            row.provider,
            row.attempts,
            row.attempts_here,
            row.tried,
            row.created_at,
            row.useful_until,
            # A worker died with it.
            case((row.state == "sending", row.provider), else_=row.doubt).label("doubt"),
            stops.label("stops"),
        )
        .where(
            row.state.in_(("queued", "sending")),
            row.priority <= bindparam("lowest", type_=SmallInteger),
            row.due_at <= now,
            or_(row.state == "queued", row.leased_until < now),
        )
        .order_by(row.priority, row.due_at, row.id)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True, of=message)
    )


def _array(name: str, kind: Any) -> Any:
    return bindparam(name, type_=ARRAY(kind))


def _lease_statement() -> Any:
    row = message.c
    given = (
        func.unnest(
            _array("ids", BigInteger),
            _array("providers", Text),
            _array("attempts_here", SmallInteger),
        )
        .table_valued("id", "provider", "attempts_here")
        .render_derived(name="given")
    )
    return (
        update(message)
        .where(row.id == given.c.id)
        .values(
            state="sending",
            leased_until=bindparam("until", type_=DateTime(True)),
            attempts=row.attempts + 1,
            attempts_here=given.c.attempts_here,
            provider=given.c.provider,
            doubt=case((row.state == "sending", row.provider), else_=row.doubt),
        )
    )


def _record_statement() -> Any:
    row, now = message.c, bindparam("now", type_=DateTime(True))
    names = {
        "id": ("ids", BigInteger),
        "lease": ("leases", DateTime(True)),
        "state": ("states", Text),
        "error": ("errors", Text),
        "reference": ("references", Text),
        "wait": ("waits", Interval),
        "tried": ("trieds", Text),
        "doubt": ("doubts", Text),
        "resent": ("resents", SmallInteger),
        "ends": ("ends", Boolean),
    }
    arrays = [_array(name, kind) for name, kind in names.values()]
    told = func.unnest(*arrays).table_valued(*names).render_derived(name="told").c
    handed_over = told.state.in_(("sent", "unknown"))
    return (
        update(message)
        .where(row.id == told.id, row.state == "sending", row.leased_until == told.lease)
        .values(
            state=told.state,
            leased_until=None,
            error=told.error,
            provider_reference=func.coalesce(told.reference, row.provider_reference),
            sent_at=case((handed_over, now), else_=row.sent_at),
            ended_at=case((told.ends, now)),
            due_at=case((told.state == "queued", now + told.wait), else_=row.due_at),
            tried=func.string_to_array(told.tried, ","),
            doubt=told.doubt,
            resent_unknown=row.resent_unknown + told.resent,
        )
        .returning(row.id)
    )


_WAITING = _waiting_statement()
_LEASE = _lease_statement()
_RECORD = _record_statement()
