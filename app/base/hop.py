"""One callback of a USSD gateway, as every dialect is understood, and our answer to it."""

from dataclasses import dataclass

from app.base.phone import Phone


@dataclass(frozen=True, slots=True)
class Hop:
    """What the network brought.

    `chain` is every input since dialling, joined by `*`. A gateway that sends the last input alone
    names each of its hops instead: `chain` is then that input, `message` what a retry repeats, and
    `starts` the hop that begins a talk.
    """

    gateway: str
    session_id: str
    phone: Phone
    chain: str
    message: str | None = None
    starts: bool = False

    @property
    def inputs(self) -> str:
        """The chain; some networks begin it with a star."""
        return self.chain.removeprefix("*")

    @property
    def only_dials(self) -> bool:
        """Whether the code alone was dialled, with nothing behind it."""
        return not self.inputs and (self.starts or self.message is None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the phone shows; `more` keeps the session open for an answer."""

    text: str
    more: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The gateway's word that a session is over: `success`, `incomplete`, `failed` or `other`.

    Not every gateway says whose it was.
    """

    gateway: str
    session_id: str
    phone: Phone | None
    status: str
