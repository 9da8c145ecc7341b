"""What an SMS provider does for us, and the three things its refusal tells."""

from dataclasses import dataclass
from typing import Protocol

from app.base.phone import Phone


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """`reference` is ours, unique and stable: the provider is asked by it."""

    reference: str
    to: Phone
    text: str


class NotSent(Exception):  # noqa: N818
    """The provider did not take the message.

    `retryable`: the same message may be taken later; `stopped`: the person asked for no more;
    `reason`: a few words for whoever looks, without number or text.
    """

    def __init__(self, reason: str, *, retryable: bool, stopped: bool = False) -> None:
        self.reason, self.retryable, self.stopped = reason, retryable, stopped
        super().__init__(reason)


class Provider(Protocol):
    """One way to send. `send` gives the provider's own reference, or raises NotSent."""

    name: str

    def send(self, sms: OutgoingSms) -> str: ...

    def find(self, reference: str) -> str | None:
        """The provider's reference if it has taken ours, None if not.

        LookupError when this provider cannot be asked; NotSent when it does not answer.
        """
        ...
