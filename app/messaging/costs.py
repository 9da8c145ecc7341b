"""Counts what messages cost and how they fared, over days in Morocco, in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    Label,
    Numeric,
    Row,
    Select,
    Subquery,
    Text,
    Values,
    and_,
    case,
    column,
    extract,
    func,
    or_,
    select,
    text,
    tuple_,
    union_all,
    values,
)

from app.base.clock import local_midnight
from app.base.money import Money
from app.messaging.errors import PricesWrong
from app.messaging.models import ended_message, message
from app.messaging.prices import Price, Prices

GROUPS = ("kind", "provider", "language", "region")
# States of a message that a provider took or refused for good.
_HANDED_OVER = ("sent", "unknown", "delivered", "failed", "unreported")
_NEVER = date(9999, 1, 1)


@dataclass(frozen=True, slots=True)
class CostLine:
    """Messages of one group that a provider took; segments and cost count every copy.

    `not_taken` failed before any provider took them: they are in no other figure.
    """

    group: Mapping[str, str]
    messages: int
    segments: int
    cost: Money
    delivered: int
    median_seconds: float | None
    failed: int
    not_taken: int
    unreported: int
    resent_unknown: int

    @property
    def delivered_share(self) -> float | None:
        return self.delivered / self.messages if self.messages else None


@dataclass(frozen=True, slots=True)
class Costs:
    """The lines in the order of their groups, and their total (of no group)."""

    lines: Sequence[CostLine]
    total: CostLine


@dataclass(frozen=True, slots=True)
class CostRequest:
    """The days to count, both included, and the groups of the lines.

    `regions` is a query of `phone` and `region`.
    """

    first: date
    last: date
    regions: Subquery
    by: Sequence[str] = GROUPS


def count_costs(connection: Connection, prices: Prices, request: CostRequest) -> Costs:
    """Returns the costs of messages over the days, by group.

    A message belongs to the day a provider took it, one never taken to the day it was written, and
    costs what its provider charged on that day.
    Raises: PricesWrong, which names a provider without a price.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    priced = _select_priced_messages(prices, request).subquery("priced")
    groups = [priced.c[name] for name in request.by]
    rows = connection.execute(
        select(func.grouping(groups[0]).label("is_total"), *groups, *_select_figures(priced))
        .group_by(func.grouping_sets(tuple_(*groups), tuple_()))
        .order_by(*groups)
    ).all()
    lines = [_read_line(row, request.by) for row in rows if not row.is_total]
    (total,) = (_read_line(row, ()) for row in rows if row.is_total)
    return Costs(lines, total)


def _select_priced_messages(prices: Prices, request: CostRequest) -> Select[Any]:
    """Selects a row a message: its groups, its state, the segments paid for and their price."""
    begin, end = local_midnight(request.first), local_midnight(request.last + timedelta(days=1))
    sent, price, regions = _select_sent(begin), _make_price_rows(prices), request.regions
    columns = sent.c
    in_force = and_(
        price.c.provider == columns.provider,
        price.c.since <= columns.sent_at,
        columns.sent_at < price.c.until,
    )
    sent_in_days = and_(
        columns.sent_at >= begin, columns.sent_at < end, columns.state.in_(_HANDED_OVER)
    )
    failed_in_days = and_(
        columns.created_at >= begin,
        columns.created_at < end,
        columns.sent_at.is_(None),
        columns.state == "failed",
    )
    return (
        select(
            columns.kind,
            func.coalesce(columns.provider, "-").label("provider"),
            columns.language,
            func.coalesce(regions.c.region, "-").label("region"),
            case((columns.sent_at.is_(None), "not_taken"), else_=columns.state).label("state"),
            columns.resent_unknown,
            (columns.segments * (columns.resent_unknown + 1)).label("segments"),
            price.c.mad,
            extract("epoch", columns.ended_at - columns.sent_at).label("seconds"),
        )
        .select_from(sent)
        .outerjoin(price, in_force)
        .outerjoin(regions, regions.c.phone == columns.phone)
        .where(or_(sent_in_days, failed_in_days))
    )


_SENT = (
    *("kind", "provider", "language", "phone", "state", "segments", "resent_unknown"),
    *("created_at", "sent_at", "ended_at"),
)


def _select_sent(begin: datetime) -> Subquery:
    """Selects the messages that a day from `begin` on may count, wherever they stand."""
    lately = select(*(message.c[name] for name in _SENT))
    # None ended before it was sent: months before need not be read.
    long_ago = select(*(ended_message.c[name] for name in _SENT))
    return union_all(lately, long_ago.where(ended_message.c.ended_at >= begin)).subquery("sent")


def _make_price_rows(prices: Prices) -> Values:
    """Returns a row for each price: provider, first moment, end, and dirhams a segment."""
    rows = [
        (provider, local_midnight(entry.since), local_midnight(until), entry.mad)
        for provider, entries in prices.items()
        for entry, until in _pair_with_ends(entries)
    ]
    moment = DateTime(timezone=True)
    columns = (
        column("provider", Text),
        column("since", moment),
        column("until", moment),
        column("mad", Numeric),
    )
    return values(*columns, name="price").data(rows)


def _pair_with_ends(entries: Sequence[Price]) -> list[tuple[Price, date]]:
    """Pairs each price with the first day on which it no longer holds."""
    return [(entry, after.since) for entry, after in pairwise(entries)] + [(entries[-1], _NEVER)]


def _select_figures(priced: Subquery) -> list[Label[Any]]:
    """Returns the figures of CostLine by name; `unpriced` names a provider that lacks a price."""
    columns = priced.c
    was_taken = columns.state != "not_taken"

    def count_state(state: str) -> Label[int]:
        return func.count().filter(columns.state == state).label(state)

    median = func.percentile_cont(0.5).within_group(columns.seconds)
    return [
        func.count().filter(was_taken).label("messages"),
        func.coalesce(func.sum(columns.segments).filter(was_taken), 0).label("segments"),
        func.coalesce(func.sum(columns.segments * columns.mad), 0).label("mad"),
        count_state("delivered"),
        median.filter(columns.state == "delivered").label("median_seconds"),
        count_state("failed"),
        count_state("not_taken"),
        count_state("unreported"),
        func.coalesce(func.sum(columns.resent_unknown).filter(was_taken), 0).label(
            "resent_unknown"
        ),
        func.min(columns.provider).filter(was_taken, columns.mad.is_(None)).label("unpriced"),
    ]


def _read_line(row: Row[Any], by: Sequence[str]) -> CostLine:
    if row.unpriced:
        raise PricesWrong(why=f"{row.unpriced}: no price for the day of some of its messages")
    return CostLine(
        group={name: row._mapping[name] for name in by},
        messages=row.messages,
        segments=int(row.segments),
        cost=Money.rounded(Decimal(row.mad)),
        delivered=row.delivered,
        median_seconds=None if row.median_seconds is None else float(row.median_seconds),
        failed=row.failed,
        not_taken=row.not_taken,
        unreported=row.unreported,
        resent_unknown=row.resent_unknown,
    )
