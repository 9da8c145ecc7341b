"""A callback of a USSD gateway, the same for every dialect, and the reply to it."""

from typing import NamedTuple

from app.base.phone import Phone


class Hop(NamedTuple):
    """A request of a USSD session.

    `chain` holds every input since dialling, joined by `*`. If a gateway sends only the last input,
    `chain` is that input, `message` is the gateway's name for the hop, which a retry repeats, and
    `starts` is True for the first hop of a session. `operator` is whose network carried it.
    """

    gateway: str
    session_id: str
    phone: Phone
    chain: str
    message: str | None = None
    starts: bool = False
    operator: str = "unknown"

    @property
    def inputs(self) -> str:
        """The chain, without the star with which some networks begin it."""
        return self.chain.removeprefix("*")

    @property
    def only_dials(self) -> bool:
        """True if only the service code was dialled, without inputs after it."""
        return not self.inputs and (self.starts or self.message is None)


class Reply(NamedTuple):
    """The text the phone shows; `more` keeps the session open for an input."""

    text: str
    more: bool


class SessionEnd(NamedTuple):
    """A gateway's notice that a session is over: `success`, `incomplete`, `failed` or `other`.

    `phone` is None if the gateway does not say whose session it was.
    """

    gateway: str
    session_id: str
    phone: Phone | None
    status: str
