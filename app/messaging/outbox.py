"""Claims messages of the outbox and records their dispositions, many in one statement.

A worker claims messages with a lease, gives the connection back, sends them, and records. If it is
killed, its messages stay leased. After the lease another worker claims them, and asks the provider
that may have them before it sends anything again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Connection,
    DateTime,
    Interval,
    Row,
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
from sqlalchemy.sql.dml import ReturningUpdate, Update
from sqlalchemy.types import TypeEngine

from app.base.operation import Operation
from app.base.phone import Phone
from app.messaging.models import ANSWER, CAMPAIGN, message, provider_opt_out
from app.messaging.retries import DeliveryAttempt, Disposition
from app.messaging.routing import RouteRequest, RoutingPolicy, choose_provider

# Longer than a provider may take for both calls: to be asked first, and then to be sent to.
LEASE = timedelta(seconds=45)
# The wait until a provider may have capacity or be well again.
_NO_CAPACITY = timedelta(seconds=5)
# The longest that an answer waits for a provider that may have it and cannot be asked now.
_MOST_DOUBT = timedelta(minutes=10)

# Returns those of the given messages of campaigns that nobody wants any more.
FindUnwanted = Callable[[Operation, list[int]], Collection[int]]


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that this worker alone may send until its lease ends.

    `maybe_sent` is True if the provider of the attempt may have it already.
    """

    attempt: DeliveryAttempt
    phone: Phone
    body: str
    maybe_sent: bool

    @property
    def reference(self) -> str:
        return f"maalem-{self.attempt.id}"


def claim_messages(
    operation: Operation,
    policy: RoutingPolicy,
    most: int,
    *,
    campaigns: bool = True,
    find_unwanted: FindUnwanted = lambda _operation, _ids: (),
) -> list[ClaimedMessage]:
    """Leases up to `most` waiting messages, answers first; no two workers get the same one.

    Messages of campaigns wait if `campaigns` is False. A useless message is cancelled; one that no
    provider has capacity for is due again a few seconds later.
    """
    rows = _lock_due_messages(operation, most, campaigns)
    cancelled = _cancel_useless(operation, rows, find_unwanted)
    claimed, put_off = [], []
    for row in rows:
        if row.id in cancelled:
            continue
        provider = choose_provider(_route_request(row), policy)
        if provider is None:
            put_off.append(row.id)
            continue
        policy.capacity.take(provider)
        claimed.append(_make_claimed(row, provider, operation.now))
    _write_leases(operation.connection, claimed)
    _put_off_messages(operation, put_off, policy.providers)
    return claimed


def _lock_due_messages(operation: Operation, most: int, campaigns: bool) -> Sequence[Row[Any]]:
    lowest = CAMPAIGN if campaigns else ANSWER
    params = {"now": operation.now, "most": most, "lowest": lowest}
    return operation.connection.execute(_DUE, params).all()


def _cancel_useless(
    operation: Operation, rows: Sequence[Row[Any]], find_unwanted: FindUnwanted
) -> set[int]:
    """Cancels messages that are too late or not wanted any more, and returns their ids.

    A message that may be sent already is kept, so that its provider is asked.
    """
    now = operation.now
    too_late = {row.id for row in rows if row.useful_until and row.useful_until <= now}
    of_campaigns = [row.id for row in rows if row.priority == CAMPAIGN and row.id not in too_late]
    unwanted = set(find_unwanted(operation, of_campaigns)) if of_campaigns else set()
    useless = (too_late | unwanted) - {row.id for row in rows if row.maybe_sent_by}
    reasons = ((too_late & useless, "too late"), (unwanted & useless, "not wanted any more"))
    for ids, reason in reasons:
        if ids:
            operation.connection.execute(
                update(message)
                .where(message.c.id.in_(ids))
                .values(state="cancelled", ended_at=now, leased_until=None, error=reason)
            )
    return useless


def _route_request(row: Row[Any]) -> RouteRequest:
    refused_by = {*row.refused_by, *(row.opted_out_at or ())}
    return RouteRequest(row.provider, row.attempts_here, refused_by, row.maybe_sent_by)


def _make_claimed(row: Row[Any], provider: str, now: datetime) -> ClaimedMessage:
    attempt = DeliveryAttempt(
        id=row.id,
        priority=row.priority,
        provider=provider,
        attempts=row.attempts + 1,
        attempts_here=row.attempts_here + 1 if row.provider == provider else 1,
        refused_by=tuple(row.refused_by),
        created_at=row.created_at,
        useful_until=row.useful_until,
        leased_until=now + LEASE,
    )
    return ClaimedMessage(attempt, Phone(row.phone), row.body, row.maybe_sent_by is not None)


def _write_leases(connection: Connection, claimed: Sequence[ClaimedMessage]) -> None:
    if not claimed:
        return
    attempts = [message.attempt for message in claimed]
    connection.execute(
        _LEASE,
        {
            "ids": [attempt.id for attempt in attempts],
            "providers": [attempt.provider for attempt in attempts],
            "attempts_here": [attempt.attempts_here for attempt in attempts],
            "until": attempts[0].leased_until,
        },
    )


def _put_off_messages(operation: Operation, ids: list[int], providers: Sequence[str]) -> None:
    """Makes messages due some seconds later.

    A message to a person who opted out at every provider fails.
    """
    if not ids:
        return
    now, columns, opt_out = operation.now, message.c, provider_opt_out.c
    opt_outs = select(func.count()).where(
        opt_out.phone == columns.phone, opt_out.provider.in_(providers)
    )
    reachable = opt_outs.scalar_subquery() < len(providers)
    waited_too_long = and_(
        columns.priority == ANSWER,
        columns.maybe_sent_by.is_not(None),
        columns.created_at < now - _MOST_DOUBT,
    )
    opted_out_at = select(func.array_agg(opt_out.provider)).where(opt_out.phone == columns.phone)
    unusable = func.array_cat(columns.refused_by, opted_out_at.scalar_subquery(), type_=ARRAY(Text))
    unusable_everywhere = unusable.contains(list(providers))
    operation.connection.execute(
        update(message)
        .where(columns.id.in_(ids))
        .values(
            state=case((reachable, "queued"), else_="failed"),
            ended_at=case((reachable, None), else_=now),
            error=case((reachable, columns.error), else_="stopped at every provider"),
            leased_until=None,
            due_at=now + _NO_CAPACITY * (1 + 0.5 * func.random()),
            refused_by=case((unusable_everywhere, []), else_=columns.refused_by),
            # A message still `sending` lost its worker: the next worker asks this provider first.
            maybe_sent_by=case(
                (columns.state == "sending", columns.provider),
                (waited_too_long, None),
                else_=columns.maybe_sent_by,
            ),
            resent_unknown=columns.resent_unknown + case((waited_too_long, 1), else_=0),
        )
    )


def record_dispositions(
    operation: Operation, results: Iterable[tuple[ClaimedMessage, Disposition]]
) -> list[int]:
    """Records the dispositions of messages. Returns the ids that were recorded.

    A message whose lease has changed is left alone: another worker has claimed it since.
    """
    pairs = list(results)
    if not pairs:
        return []
    attempts = [claimed.attempt for claimed, _ in pairs]
    params: dict[str, object] = {
        "ids": [attempt.id for attempt in attempts],
        "leases": [attempt.leased_until for attempt in attempts],
        "states": [disposition.state for _, disposition in pairs],
        "errors": [disposition.error for _, disposition in pairs],
        "references": [disposition.reference for _, disposition in pairs],
        "waits": [disposition.wait for _, disposition in pairs],
        "refusals": [",".join(disposition.refused_by) for _, disposition in pairs],
        "maybe_sent": [disposition.maybe_sent_by for _, disposition in pairs],
        "resents": [disposition.resent for _, disposition in pairs],
        "ends": [disposition.ends for _, disposition in pairs],
        "now": operation.now,
    }
    return list(operation.connection.execute(_RECORD, params).scalars())


def _due_statement() -> Select[Any]:
    columns = message.c
    now = bindparam("now", type_=DateTime(True))
    opted_out_at = (
        select(func.array_agg(provider_opt_out.c.provider))
        .where(provider_opt_out.c.phone == columns.phone)
        .scalar_subquery()
    )
    return (
        select(
            columns.id,
            columns.priority,
            columns.phone,
            columns.body,
            columns.provider,
            columns.attempts,
            columns.attempts_here,
            columns.refused_by,
            columns.created_at,
            columns.useful_until,
            # A message still `sending` lost its worker.
            case((columns.state == "sending", columns.provider), else_=columns.maybe_sent_by).label(
                "maybe_sent_by"
            ),
            opted_out_at.label("opted_out_at"),
        )
        .where(
            columns.state.in_(("queued", "sending")),
            columns.priority <= bindparam("lowest", type_=SmallInteger),
            columns.due_at <= now,
            or_(columns.state == "queued", columns.leased_until < now),
        )
        .order_by(columns.priority, columns.due_at, columns.id)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True, of=message)
    )


def _bind_array(
    name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any]
) -> BindParameter[Sequence[Any]]:
    return bindparam(name, type_=ARRAY(kind))


def _lease_statement() -> Update:
    columns = message.c
    leases = (
        func.unnest(
            _bind_array("ids", BigInteger),
            _bind_array("providers", Text),
            _bind_array("attempts_here", SmallInteger),
        )
        .table_valued("id", "provider", "attempts_here")
        .render_derived(name="given")
    )
    return (
        update(message)
        .where(columns.id == leases.c.id)
        .values(
            state="sending",
            leased_until=bindparam("until", type_=DateTime(True)),
            attempts=columns.attempts + 1,
            attempts_here=leases.c.attempts_here,
            provider=leases.c.provider,
            maybe_sent_by=case(
                (columns.state == "sending", columns.provider), else_=columns.maybe_sent_by
            ),
        )
    )


def _record_statement() -> ReturningUpdate[Any]:
    columns, now = message.c, bindparam("now", type_=DateTime(True))
    names: dict[str, tuple[str, type[TypeEngine[Any]] | TypeEngine[Any]]] = {
        "id": ("ids", BigInteger),
        "lease": ("leases", DateTime(True)),
        "state": ("states", Text),
        "error": ("errors", Text),
        "reference": ("references", Text),
        "wait": ("waits", Interval),
        "refused_by": ("refusals", Text),
        "maybe_sent_by": ("maybe_sent", Text),
        "resent": ("resents", SmallInteger),
        "ends": ("ends", Boolean),
    }
    arrays = [_bind_array(name, kind) for name, kind in names.values()]
    result = func.unnest(*arrays).table_valued(*names).render_derived(name="result").c
    handed_over = result.state.in_(("sent", "unknown"))
    return (
        update(message)
        .where(
            columns.id == result.id,
            columns.state == "sending",
            columns.leased_until == result.lease,
        )
        .values(
            state=result.state,
            leased_until=None,
            error=result.error,
            provider_reference=func.coalesce(result.reference, columns.provider_reference),
            sent_at=case((handed_over, now), else_=columns.sent_at),
            ended_at=case((result.ends, now)),
            due_at=case((result.state == "queued", now + result.wait), else_=columns.due_at),
            refused_by=func.string_to_array(result.refused_by, ","),
            maybe_sent_by=result.maybe_sent_by,
            resent_unknown=columns.resent_unknown + result.resent,
        )
        .returning(columns.id)
    )


_DUE = _due_statement()
_LEASE = _lease_statement()
_RECORD = _record_statement()
