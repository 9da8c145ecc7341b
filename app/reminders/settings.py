"""Settings of messages to many: hours, prices, budgets and the holdout, given by the runtime."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from app.messaging.prices import Prices, dearest_on, price_on
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

    def priced_for_real(self) -> "ReminderSettings":
        """Returns these with every provider there is a price of, if only `log` is set.

        It sends nothing, at no cost.
        """
        if set(self.providers) != {"log"}:
            return self
        return replace(self, providers=tuple(name for name in self.prices if name != "log"))

    def describe_price(self, day: date) -> str:
        """Returns what a segment costs at most on the day, and at which provider."""
        dearest = max(self.providers, key=lambda name: price_on(self.prices, name, day))
        return f"{dearest} at {self.price_on(day):.2f} a segment"

    def price_on(self, day: date) -> Decimal:
        """Returns the most that a segment costs on the day, in dirhams, by whichever provider."""
        return dearest_on(self.prices, self.providers, day)
