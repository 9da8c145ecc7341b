"""A line of a provider's table of codes: one of its refusals in our terms."""

from typing import NamedTuple

from app.sms.provider import Retry, SendRefused


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
