"""What telling many needs, given by the runtime."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random

from app.base.money import Money
from app.messaging.prices import Prices, dearest_on
from app.reminders.calendar import Calendar
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class ReminderContext:
    """Words and codes, hours, and money: budgets are dirhams, None is no limit.

    `holdout_per_mille` of all artisans get no reminder; `holdout_key` chooses which.
    """

    words: Words
    random: Random
    fee: Money
    calendar: Calendar
    prices: Prices
    providers: tuple[str, ...]
    day_budget: Decimal | None
    campaign_budget: Decimal | None
    holdout_per_mille: int
    holdout_key: bytes

    def price_on(self, day: date) -> Decimal:
        """The most a segment costs then, whichever provider takes it."""
        return dearest_on(self.prices, self.providers, day)
