"""The services that a change needs besides its operation, made once for a process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from random import Random

from sqlalchemy import Engine

from app.base.keys import Keys
from app.base.money import Money
from app.text.words import Words


@dataclass(slots=True)
class CodeSeries:
    """The series that new payment codes are of: the database refuses another and says which."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the words of messages and screens, and the installation's own values.

    `random` is the secure source of codes. `fee` is paid by an artisan beside a contribution.
    `keys` are the installation's own, one for each purpose. An agent reverses a deposit alone
    within `reversal_minutes_alone`, and `reversals_a_day` in all. From `two_approvers_from` on,
    what the office does with money needs two approvers. `samples`: the sample agent's PIN, which
    everybody knows, is good; never in production. `is_closed` says if counters and desks are
    closed all day, by the calendar.
    """

    database: Engine
    words: Words
    random: Random
    fee: Money
    keys: Keys
    reversal_minutes_alone: int
    reversals_a_day: int
    two_approvers_from: Money
    is_closed: Callable[[date], bool]
    samples: bool = False
    code_series: CodeSeries = field(default_factory=CodeSeries)
