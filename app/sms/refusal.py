"""A line of a provider's table of codes: what one of its refusals means to us."""

from typing import NamedTuple

from app.sms.provider import Retry, SendRefused


class RefusalCode(NamedTuple):
    """`word` is the provider's own or ours for it; the rest as in SendRefused."""

    word: str
    retry: Retry
    faulty: bool = False
    stopped: bool = False

    def not_sent(self, code: int | str, rest_seconds: float | None = None) -> SendRefused:
        return SendRefused(
            f"{code} {self.word}",
            retry=self.retry,
            stopped=self.stopped,
            faulty=self.faulty,
            rest_seconds=rest_seconds,
        )
