"""A line of a provider's table of codes: one of its refusals in our terms."""

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from app.sms.provider import DeliveryUnknown, Retry, SendRefused


class RefusalCode(NamedTuple):
    """`word` is the provider's own or ours for the code; the rest as in SendRefused."""

    word: str
    retry: Retry
    faulty: bool = False
    stopped: bool = False

    def to_error(self, code: int | str, rest_seconds: float | None = None) -> SendRefused:
        return SendRefused(
            f"{code} {self.word}",
            retry=self.retry,
            stopped=self.stopped,
            faulty=self.faulty,
            rest_seconds=rest_seconds,
        )


def describe_balance(amount: str, currency: str) -> str:
    """Returns an account's balance in words. Raises: SendRefused if it pays for no message."""
    try:
        left = Decimal(amount)
        empty = left <= 0
    except InvalidOperation:
        raise DeliveryUnknown("balance not understood") from None
    if empty:
        raise SendRefused(f"balance {left} {currency}", retry="other", faulty=True)
    return f"balance {left} {currency}"
