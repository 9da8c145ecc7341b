"""Settings of messages to many: hours, prices, budgets and the holdout, given by the runtime."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.messaging.prices import Prices, dearest_on
from app.reminders.calendar import Calendar


@dataclass(frozen=True, slots=True)
class ReminderSettings:
    """Budgets are in dirhams, None is no limit.

    `holdout_per_mille` of all artisans get no reminder; `holdout_salt` chooses which.
    """

    calendar: Calendar
    prices: Prices
    providers: tuple[str, ...]
    day_budget: Decimal | None
    campaign_budget: Decimal | None
    holdout_per_mille: int
    holdout_salt: str = "maalem reminders holdout "

    def price_on(self, day: date) -> Decimal:
        """Returns the most that a segment costs on the day, in dirhams, by whichever provider."""
        return dearest_on(self.prices, self.providers, day)
