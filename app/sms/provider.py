"""What an SMS provider does for us, and what its refusals and reports tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from app.base.phone import Phone

# Where the same message may go again: to the same provider later, to another one, or never.
Retry = Literal["same", "other", "never"]
Outcome = Literal["on_the_way", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """`reference` is ours, unique and stable: reports and questions name it where they can.

    `since` is when it was first handed to a provider: a provider that is asked looks from then on.
    """

    reference: str
    to: Phone
    text: str
    since: datetime | None = None


class SendRefused(Exception):
    """The provider did not take the message.

    `retry` says where the same message may be taken; `stopped`: the person asked this provider for
    no more; `faulty`: it is the provider that is unwell, not the message; `rest_seconds`: how long
    it asked to be left alone; `reason`: a few words for whoever looks, without number or text.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry: Retry,
        stopped: bool = False,
        faulty: bool = False,
        rest_seconds: float | None = None,
    ) -> None:
        self.reason, self.retry, self.stopped = reason, retry, stopped
        self.faulty, self.rest_seconds = faulty, rest_seconds
        super().__init__(reason)


class DeliveryUnknown(Exception):
    """The request went out and no answer came back: the provider may have the message or not."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report: the provider's `reference`, its own `status` word and what it means.

    `outcome` None is a word we do not know. `message_id` is ours, where the provider gives it back;
    `stopped`: the person asked this provider for no more.
    """

    reference: str
    status: str
    outcome: Outcome | None
    reason: str | None = None
    message_id: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class InboundSms:
    """A message from a phone; `identity` is the provider's own id of it, `answered` whether it has
    told the phone itself what it did: a second answer would be one too many.
    """

    identity: str
    sender: Phone
    text: str
    answered: bool = False


class Provider(Protocol):
    """A way to send messages.

    `send` returns the provider's own reference. Raises: SendRefused, DeliveryUnknown.

    Safe to call from many threads at once; every wait has a limit of ours.
    """

    name: str
    # Whether `find` can tell.
    can_be_asked: bool

    def send(self, sms: OutgoingSms) -> str: ...

    def find(self, sms: OutgoingSms) -> str | None:
        """The provider's reference if it has taken this message, None if not.

        SendRefused when it does not answer; LookupError where it cannot be asked at all.
        """
        ...


class Reader(Protocol):
    """Reads what a provider posts to us; InvalidInput names the field that is wrong.

    Reports come to `/sms/<name>/<report_path>`, messages from phones to `/sms/<name>/inbound`, and
    are answered with `thanks`: nothing, or XML.
    """

    report_path: str
    thanks: str

    def read_report(self, form: Mapping[str, str], query: Mapping[str, str]) -> Report: ...

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms: ...
