"""What messages cost and how they fared, over days in Morocco: one statement, however many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Numeric,
    Row,
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
    values,
)

from app.base.clock import local_midnight
from app.base.money import Money
from app.messaging.errors import PricesWrong
from app.messaging.models import message
from app.messaging.prices import Price, Prices

GROUPS = ("kind", "provider", "language", "region")
# States in which nobody is about to send it any more.
_TOLD = ("sent", "unknown", "delivered", "failed", "unreported")
_NEVER = date(9999, 1, 1)


@dataclass(frozen=True, slots=True)
class CostLine:
    """Messages of one group that a provider took; segments and cost count every copy of them.

    `not_taken` failed without any provider taking them: they are in no other figure.
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
    """The lines in the order of their groups, and all of it together (of no group)."""

    lines: Sequence[CostLine]
    total: CostLine


def count_costs(
    connection: Connection,
    first: date,
    last: date,
    prices: Prices,
    regions: Subquery,
    by: Sequence[str] = GROUPS,
) -> Costs:
    """Of the days from `first` to `last`, both included; `regions` knows each `phone`'s `region`.

    A message belongs to the day a provider took it, one never taken to the day it was written, and
    costs what its provider charged on that day. PricesWrong names a provider without a price.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    begin, end = local_midnight(first), local_midnight(last + timedelta(days=1))
    one = _priced(begin, end, prices, regions).subquery("one")
    groups = [one.c[name] for name in by]
    rows = connection.execute(
        select(func.grouping(groups[0]), *groups, *_figures(one))
        .group_by(func.grouping_sets(tuple_(*groups), tuple_()))
        .order_by(*groups)
    ).all()
    (total,) = (_line(row, by) for row in rows if row[0])
    return Costs([_line(row, by) for row in rows if not row[0]], total)


def _priced(begin: datetime, end: datetime, prices: Prices, regions: Subquery) -> Any:
    """One row a message: its groups, how it fared, its segments paid for and their price."""
    m, price = message.c, _price_list(prices)
    in_force = and_(
        price.c.provider == m.provider, price.c.since <= m.sent_at, m.sent_at < price.c.until
    )
    taken = and_(m.sent_at >= begin, m.sent_at < end, m.state.in_(_TOLD))
    not_taken = and_(
        m.created_at >= begin, m.created_at < end, m.sent_at.is_(None), m.state == "failed"
    )
    return (
        select(
            m.kind,
            func.coalesce(m.provider, "-").label("provider"),
            m.language,
            func.coalesce(regions.c.region, "-").label("region"),
            case((m.sent_at.is_(None), "not_taken"), else_=m.state).label("state"),
            m.resent_unknown,
            (m.segments * (m.resent_unknown + 1)).label("segments"),
            price.c.mad,
            extract("epoch", m.ended_at - m.sent_at).label("seconds"),
        )
        .select_from(message)
        .outerjoin(price, in_force)
        .outerjoin(regions, regions.c.phone == m.phone)
        .where(or_(taken, not_taken))
    )


def _price_list(prices: Prices) -> Values:
    """Every price as rows: provider, from when until when, dirhams."""
    rows = [
        (provider, local_midnight(entry.since), local_midnight(until), entry.mad)
        for provider, entries in prices.items()
        for entry, until in _until(entries)
    ]
    moment = DateTime(timezone=True)
    columns = (
        column("provider", Text),
        column("since", moment),
        column("until", moment),
        column("mad", Numeric),
    )
    return values(*columns, name="price").data(rows)


def _until(entries: Sequence[Price]) -> list[tuple[Price, date]]:
    return [(one, next_.since) for one, next_ in pairwise(entries)] + [(entries[-1], _NEVER)]


def _figures(one: Subquery) -> list[ColumnElement[Any]]:
    """In the order of CostLine's fields; last, a provider whose messages have no price."""
    taken = one.c.state != "not_taken"

    def counted(state: str) -> ColumnElement[int]:
        return func.count().filter(one.c.state == state)

    return [
        func.count().filter(taken),
        func.coalesce(func.sum(one.c.segments).filter(taken), 0),
        func.coalesce(func.sum(one.c.segments * one.c.mad), 0),
        counted("delivered"),
        func.percentile_cont(0.5).within_group(one.c.seconds).filter(one.c.state == "delivered"),
        counted("failed"),
        counted("not_taken"),
        counted("unreported"),
        func.coalesce(func.sum(one.c.resent_unknown).filter(taken), 0),
        func.min(one.c.provider).filter(taken, one.c.mad.is_(None)),
    ]


def _line(row: Row[Any], by: Sequence[str]) -> CostLine:
    group: dict[str, str] = {} if row[0] else dict(zip(by, row[1:], strict=False))
    messages, segments, mad, delivered, median, *others, unpriced = row[1 + len(by) :]
    if unpriced:
        raise PricesWrong(why=f"{unpriced}: no price for the day of some of its messages")
    cost = Money.rounded(Decimal(mad))
    seconds = None if median is None else float(median)
    return CostLine(group, messages, int(segments), cost, delivered, seconds, *others)
