"""Counts a month from the books: the register, codes, payments, talks, messages and requests.

Each function yields cells: cut, key, measure and value, in centimes or days where it is no count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, TextClause

from app.agents.networks import list_networks
from app.base.clock import local_date, local_midnight
from app.base.months import Month
from app.contributions.rates import RATES
from app.figures import sql
from app.figures.dues_classes import describe_classes
from app.figures.measures import (
    ALL,
    BREAK_AGE,
    BREAK_AGES,
    DAY,
    PROVIDER,
    STEPS,
    UNKNOWN,
)
from app.messaging.costs import CostRequest, count_costs
from app.messaging.prices import Prices
from app.payments.models import CHANNELS
from app.reminders.queries import compare_with_holdout
from app.text.languages import LANGUAGES
from app.text.regions import regions

# Cut, key, measure, value.
Figure = tuple[str, str, str, int]
_CUTS = ("region", "trade", "category", "language", "network", "channel", DAY, PROVIDER, BREAK_AGE)


@dataclass(frozen=True, slots=True)
class FigureRequest:
    """The month to count as of `now`; the prices of messages; where the talks are kept."""

    month: Month
    now: datetime
    prices: Prices

    @property
    def on(self) -> date:
        """The month's last day, or today in the month that runs."""
        return min(local_date(self.now), self.month.last_day)

    @property
    def params(self) -> dict[str, object]:
        return {
            "begin": local_midnight(self.month.first_day),
            "end": local_midnight(self.month.last_day + timedelta(days=1)),
            "first_day": self.month.first_day,
            "last_day": self.month.last_day,
            "now": self.now,
        }


def count_register(connection: Connection, request: FigureRequest) -> Iterator[Figure]:
    """Counts artisans, rights and dues, as the register and CNSS's last word have them today."""
    on = {"on": request.on, "current": Month.of(request.on).first_day}
    pairs = connection.execute(sql.ENROLMENTS, on).all()
    classes = describe_classes(pairs, request.on)
    yield from _read_cells(connection.execute(sql.REGISTER, on | {"classes": classes}))


def count_month(connection: Connection, request: FigureRequest) -> Iterator[Figure]:
    """Counts what happened in the month, and what waits at its making."""
    params = request.params
    statements: tuple[TextClause, ...] = (
        sql.CODES,
        sql.PAYMENTS,
        sql.REMINDERS,
        sql.REQUESTS,
        sql.REQUESTS_WAITING,
        sql.MESSAGES,
        sql.MESSAGES_WAITING,
        sql.BREAKS,
    )
    for statement in statements:
        yield from _read_cells(connection.execute(statement, params))
    yield from _price_messages(connection, request)
    yield from _count_effects(connection, request)


def list_keys(connection: Connection, request: FigureRequest) -> Iterator[tuple[str, str]]:
    """Yields each cut's keys that a month shows even if nothing is counted there.

    A key that came only with its first person would tell of that person.
    """
    yield ALL, ALL
    yield from (("category", letter) for letter in RATES.categories)
    yield from (("language", code) for code in LANGUAGES)
    yield from (("channel", channel) for channel in CHANNELS)
    yield from (("network", network.code) for network in list_networks(connection))
    yield from ((BREAK_AGE, age) for age in BREAK_AGES)
    days = (request.month.last_day - request.month.first_day).days + 1
    for number in range(days):
        yield DAY, f"{request.month.first_day + timedelta(days=number)}"
    yield from (("region", region.latin) for region in regions().values())


def _read_cells(rows: Iterable[Row[Any]]) -> Iterator[Figure]:
    """Reads rows of grouping sets: each row's one cut that is not NULL, and its measures."""
    for row in rows:
        values: Mapping[str, Any] = dict(row._mapping)
        cut, key = next(
            ((cut, str(values[cut])) for cut in _CUTS if values.get(cut) is not None), (ALL, ALL)
        )
        for measure, value in values.items():
            if measure not in _CUTS:
                yield cut, key, measure, int(value or 0)


def _price_messages(connection: Connection, request: FigureRequest) -> Iterator[Figure]:
    """Yields what the messages of the month cost, in centimes. Raises: PricesWrong."""
    month = request.month
    wanted = CostRequest(month.first_day, month.last_day, sql.NO_REGIONS, ("language",))
    costs = count_costs(connection, request.prices, wanted)
    yield ALL, ALL, "sms_dirhams", costs.total.cost.centimes
    for line in costs.lines:
        yield "language", line.group["language"] or UNKNOWN, "sms_dirhams", line.cost.centimes


def _count_effects(connection: Connection, request: FigureRequest) -> Iterator[Figure]:
    """Yields who was reminded and who was held out, and how many of each paid in time."""
    for comparison in compare_with_holdout(connection, request.month, 1, request.now):
        if comparison.step in STEPS and comparison.over:
            for group in ("reminded", "held_out"):
                share = getattr(comparison, group)
                name = f"{group}_{comparison.step}"
                yield ALL, ALL, name, share.people
                yield ALL, ALL, f"{name}_paid", share.paid
                yield ALL, ALL, f"{name}_unpaid", share.people - share.paid


def count_talks(connection: Connection, request: FigureRequest) -> Iterator[Figure]:
    """Counts the talks of the month, of the days that were stored."""
    yield from _read_cells(connection.execute(sql.TALKS_OF_MONTH, request.params))
