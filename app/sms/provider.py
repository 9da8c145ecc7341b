"""The protocol of SMS providers: sending, refusals, delivery reports, messages received."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from app.base.phone import Phone

# Where the same message may go again: to the same provider later, to another one, or never.
Retry = Literal["same", "other", "never"]
Outcome = Literal["on_the_way", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """A message to send. `reference` is ours, unique and stable, and named in reports if possible.

    `since` is when it was queued: a provider that is asked about it looks from then on.
    """

    reference: str
    to: Phone
    text: str
    since: datetime | None = None


class SendRefused(Exception):
    """The provider did not take the message.

    `retry` says where the same message may go. `stopped`: the person opted out at this provider.
    `faulty`: the provider is unwell, not the message. `rest_seconds`: how long it asked to be left
    alone. `reason`: a few words for operators, without number or text.
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
    """The request went out and no answer came back: the provider may have the message."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery report: the provider's `reference`, its own `status` word and its `outcome`.

    `outcome` None: a word we do not know. `message_id` is ours, if the provider gives it back.
    `stopped`: the person opted out at this provider. `phone` is whose it was, if the provider says.
    """

    reference: str
    status: str
    outcome: Outcome | None
    reason: str | None = None
    message_id: int | None = None
    stopped: bool = False
    phone: Phone | None = None


@dataclass(frozen=True, slots=True)
class LoggedSms:
    """A message of ours in a provider's own log: its reference there, and when it was given."""

    reference: str
    to: Phone
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class InboundSms:
    """A message from a phone; `identity` is the provider's own id of it.

    `answered`: the provider has answered the phone itself, and a second answer is one too many.
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
    # False: `find` knows nothing.
    can_be_asked: bool

    def send(self, sms: OutgoingSms) -> str: ...

    def find(self, sms: OutgoingSms) -> str | None:
        """Returns the provider's reference if it has taken this message, None if not.

        Raises: SendRefused if it does not answer, LookupError if it cannot be asked at all.
        """
        ...

    def list_sent(self, since: datetime, until: datetime) -> Iterator[LoggedSms]:
        """Lists the messages that its own log has as given to it from `since` until `until`.

        Raises: LookupError if it has no such log; SendRefused, DeliveryUnknown if it does not say.
        """
        ...

    def check_account(self) -> str:
        """Asks what costs nothing: if it knows us, and can be paid. Returns its words, in short.

        Raises: SendRefused, DeliveryUnknown, for the reason that nothing would be sent.
        """
        ...


class Reader(Protocol):
    """Reads a provider's posts to us. Raises: InvalidInput, which names the wrong field.

    Reports come to `/sms/<name>/<report_path>`, messages from phones to `/sms/<name>/inbound`, and
    are answered with `thanks`: nothing, or XML.
    """

    report_path: str
    thanks: str

    def read_report(self, form: Mapping[str, str], query: Mapping[str, str]) -> Report: ...

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms: ...
