"""A line of a provider's table of codes: what one of its refusals means to us."""

from typing import NamedTuple

from app.sms.provider import Again, NotSent


class Refusal(NamedTuple):
    """`word` is the provider's own or ours for it; the rest as in NotSent."""

    word: str
    again: Again
    faulty: bool = False
    stopped: bool = False

    def not_sent(self, code: int | str, rest_seconds: float | None = None) -> NotSent:
        return NotSent(
            f"{code} {self.word}",
            again=self.again,
            stopped=self.stopped,
            faulty=self.faulty,
            rest_seconds=rest_seconds,
        )
