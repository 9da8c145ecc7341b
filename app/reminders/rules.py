"""Computes the steps due on a day, and compares reminded people with those held out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt

from app.base.months import Month, months_between
from app.contributions.rates import RATES, Rates
from app.contributions.rights import paid_through, rights_until
from app.contributions.rules import due_on
from app.reminders.calendar import Calendar, Step

STEPS: tuple[Step, ...] = ("week", "due", "rights")
# The kind of message of each step (messaging/kinds.py).
MESSAGE_KINDS = {"week": "reminder_week", "due": "reminder_due", "rights": "reminder_rights"}
# No step is due further than this before or after its month's deadline.
_REACH_MONTHS = 3
_FURTHEST = 24


@dataclass(frozen=True, slots=True)
class Occasion:
    """A step of a month: when it is due, and which months decide for whom.

    The step is for artisans who have not paid the month `pays`; CNSS counts it as paid if rights
    last until `covered_from` or later. For the step `rights` they must have paid the month `keeps`,
    with `kept_from` likewise. `deadline` is the day that the message names.
    """

    step: Step
    month: Month
    deadline: date
    opens_at: datetime
    useful_until: datetime
    pays: Month
    covered_from: date
    keeps: Month | None = None
    kept_from: date | None = None

    @property
    def name(self) -> str:
        return f"reminder:{self.month}:{self.step}"


def occasions_on(calendar: Calendar, day: date, rates: Rates = RATES) -> list[Occasion]:
    """Returns the occasions due on `day`, or due before and still of use, by month and step."""
    this = Month.of(day)
    months = months_between(this + -_REACH_MONTHS, this + _REACH_MONTHS)
    opens, closes = calendar.opens(day), calendar.closes(day)
    every = (occasion_of(calendar, step, month, rates) for month in months for step in STEPS)
    return [
        occasion
        for occasion in every
        if occasion and opens >= occasion.opens_at and closes <= occasion.useful_until
    ]


def occasion_of(
    calendar: Calendar, step: Step, month: Month, rates: Rates = RATES
) -> Occasion | None:
    """Returns the step of that month; None if no rights end in it, after a change of the rules."""
    if step != "rights":
        deadline = due_on(month, rates)
        opens, until = _sending_hours(calendar, step, deadline)
        covered = covered_from(month, rates)
        return Occasion(step, month, deadline, opens, until, month, covered)
    if (last := _last_paid_of(month, rates)) is None:
        return None
    opens, until = _sending_hours(calendar, step, month.last_day)
    pays, kept = last + 1, covered_from(last, rates)
    return Occasion(
        step, month, month.last_day, opens, until, pays, covered_from(pays, rates), last, kept
    )


def covered_from(month: Month, rates: Rates = RATES) -> date:
    """Returns the first day of rights that, in CNSS's books, means that `month` is paid."""
    for end in months_between(month, month + _FURTHEST):
        if paid_through(end.last_day, rates) >= month:
            return end.first_day
    raise ValueError(f"no rights within {_FURTHEST} months pay {month}")


def _last_paid_of(closing: Month, rates: Rates) -> Month | None:
    """Returns the newest month that keeps rights open until the end of `closing`, no longer."""
    for last in reversed(months_between(closing + -_FURTHEST, closing)):
        if Month.of(rights_until(last, rates)) == closing:
            return last
    return None


def _sending_hours(calendar: Calendar, step: Step, deadline: date) -> tuple[datetime, datetime]:
    """Returns the first and the last moment at which the step may be sent."""
    rule = calendar.steps[step]
    wanted = deadline - timedelta(days=rule.days_before)
    find = calendar.open_day_from if rule.closed == "next" else calendar.open_day_until
    day = find(wanted)
    last = min(day + timedelta(days=rule.useful_days), max(deadline, day))
    return calendar.opens(day), calendar.closes(calendar.open_day_until(last))


@dataclass(frozen=True, slots=True)
class Share:
    """A share of people: `paid` of `people` paid in time."""

    people: int
    paid: int

    @property
    def fraction(self) -> float:
        return self.paid / self.people if self.people else 0.0


_95 = 1.959963984540054


def wilson_interval(share: Share, z: float = _95) -> tuple[float, float]:
    """Returns the score interval of a proportion (Wilson 1927); 0 to 1 for nobody."""
    if not share.people:
        return 0.0, 1.0
    n, p = share.people, share.fraction
    middle = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def difference(reminded: Share, held_out: Share, z: float = _95) -> tuple[float, float, float]:
    """Returns the difference of two shares and its 95% interval.

    Newcombe 1998, Statistics in Medicine 17, 873-890, method 10 (hybrid score, without continuity
    correction).
    """
    low_1, high_1 = wilson_interval(reminded, z)
    low_2, high_2 = wilson_interval(held_out, z)
    p_1, p_2 = reminded.fraction, held_out.fraction
    middle = p_1 - p_2
    below = sqrt((p_1 - low_1) ** 2 + (high_2 - p_2) ** 2)
    above = sqrt((high_1 - p_1) ** 2 + (p_2 - low_2) ** 2)
    return middle, middle - below, middle + above
