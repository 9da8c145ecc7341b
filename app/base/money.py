"""Money: whole centimes and a currency, never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from app.base.errors import InvalidInput

_AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in centimes (1 MAD = 100). Adding two currencies is refused."""

    centimes: int
    currency: str = "MAD"

    @classmethod
    def rounded(cls, amount: Decimal, currency: str = "MAD") -> Money:
        """Returns `amount` (whole units) rounded half-up to the centime (docs/rules.md, Amount)."""
        return cls(int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP)), currency)

    @classmethod
    def parse(cls, text: str, currency: str = "MAD") -> Money:
        """Reads `163`, `163.5` or `163.52`. Raises: InvalidInput for anything else."""
        if not _AMOUNT.fullmatch(text):
            raise InvalidInput(what="amount", why="not an amount with at most two decimals")
        return cls(int(Decimal(text) * 100), currency)

    def __add__(self, other: Money) -> Money:
        self._check_currency(other)
        return Money(self.centimes + other.centimes, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._check_currency(other)
        return Money(self.centimes - other.centimes, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.centimes, self.currency)

    def __bool__(self) -> bool:
        return self.centimes != 0

    def __str__(self) -> str:
        """`163.52`: two decimals, a point, as files and JSON write it."""
        sign = "-" if self.centimes < 0 else ""
        return f"{sign}{abs(self.centimes) // 100}.{abs(self.centimes) % 100:02d}"

    def _check_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")


ZERO = Money(0)


def read_stored_amount(centimes: int | None) -> Money | None:
    """Returns the amount that a column holds in centimes; None if it holds none."""
    return None if centimes is None else Money(centimes)


def total(amounts: list[Money]) -> Money:
    """Returns the sum of the amounts; zero dirhams for none."""
    for amount in amounts:
        ZERO._check_currency(amount)
    # Not a Money for each step: a screen adds up the months of years.
    return Money(sum(amount.centimes for amount in amounts))
