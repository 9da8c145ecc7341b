"""Twilio, through its own package. It can be asked what it took."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from twilio.base.exceptions import TwilioException
from twilio.request_validator import RequestValidator
from urllib3 import make_headers

from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.settings import Settings
from app.sms.fields import find_phone, read_id, read_phone, read_text, read_word
from app.sms.http import HttpClient, HttpResponse, read_refusal, read_rest
from app.sms.provider import (
    DeliveryUnknown,
    InboundSms,
    LoggedSms,
    Outcome,
    OutgoingSms,
    Report,
    SendRefused,
)
from app.sms.refusal import RefusalCode, describe_balance

if TYPE_CHECKING:
    from twilio.rest import Client

_ADDRESS = "https://api.twilio.com"
_STOPPED = 21610
# The most that their clock and ours differ, and how many of a number's last messages are searched.
_SKEW = timedelta(minutes=1)
_SEARCHED = 100
# A message waits in their queue for 10 hours at most; a page of their list holds less than a MiB.
_LONGEST_QUEUED = timedelta(hours=10)
_PAGE = 500
_NOT_SENT = {"failed", "undelivered", "canceled"}

# https://www.twilio.com/docs/api/errors: of the request, or of a message that failed at once.
# A code that is not here: elsewhere, and the provider is not held to be unwell.
_REFUSED: Mapping[int, RefusalCode] = {
    # The number cannot have a message from anybody.
    21211: RefusalCode("invalid number", "never"),
    21265: RefusalCode("a short code", "never"),
    21614: RefusalCode("not a mobile number", "never"),
    21635: RefusalCode("a landline", "never"),
    30005: RefusalCode("unknown handset", "never"),
    30006: RefusalCode("landline or unreachable carrier", "never"),
    # Nor can this text.
    21602: RefusalCode("no text", "never"),
    21617: RefusalCode("text too long", "never"),
    # The person said stop; only to this provider.
    _STOPPED: RefusalCode("stopped", "other", stopped=True),
    # This provider cannot reach this number, or not with this message.
    21408: RefusalCode("region not permitted", "other"),
    21608: RefusalCode("number not verified", "other"),
    21612: RefusalCode("not reachable from our sender", "other"),
    30003: RefusalCode("handset unreachable", "other"),
    30004: RefusalCode("blocked", "other"),
    30007: RefusalCode("filtered by the carrier", "other"),
    30008: RefusalCode("unknown error", "other"),
    30410: RefusalCode("carrier did not answer", "other"),
    30450: RefusalCode("held to be fraud", "other"),
    # Ours to mend: the sender, the credentials, the account.
    20003: RefusalCode("credentials refused", "other", faulty=True),
    20005: RefusalCode("account not active", "other", faulty=True),
    20403: RefusalCode("forbidden", "other", faulty=True),
    20404: RefusalCode("no such account", "other", faulty=True),
    21212: RefusalCode("invalid sender", "other", faulty=True),
    21601: RefusalCode("sender is not ours", "other", faulty=True),
    21603: RefusalCode("no sender", "other", faulty=True),
    21606: RefusalCode("sender cannot send there", "other", faulty=True),
    21609: RefusalCode("callback address refused", "other", faulty=True),
    21659: RefusalCode("sender is not of Twilio", "other", faulty=True),
    21660: RefusalCode("sender is another account's", "other", faulty=True),
    21661: RefusalCode("sender cannot send", "other", faulty=True),
    30002: RefusalCode("account suspended", "other", faulty=True),
    30034: RefusalCode("sender not registered", "other", faulty=True),
    63038: RefusalCode("day's limit reached", "other", faulty=True),
    # Too much at once, or unwell: it passes.
    14107: RefusalCode("throttled", "same", faulty=True),
    20429: RefusalCode("throttled", "same", faulty=True),
    20500: RefusalCode("internal error", "same", faulty=True),
    20503: RefusalCode("unavailable", "same", faulty=True),
    21611: RefusalCode("sender's queue is full", "same", faulty=True),
    30001: RefusalCode("queue is full", "same", faulty=True),
    30022: RefusalCode("throttled by carriers", "same", faulty=True),
    63017: RefusalCode("throttled", "same", faulty=True),
    63018: RefusalCode("throttled", "same", faulty=True),
}
_OTHER = RefusalCode("refused", "other")


def _make_client(account: str, secret: str, http: HttpClient) -> "Client":
    """Makes the package's client over our HttpClient: its own logs requests, number and all.

    The package is imported here alone: a process that only reads posts does without it.
    """
    from twilio.http import HttpClient
    from twilio.http.response import Response
    from twilio.rest import Client

    class OverOurClient(HttpClient):  # type: ignore[misc]  # the package has no types
        def request(
            self,
            method: str,
            uri: str,
            params: Mapping[str, object] | None = None,
            data: Mapping[str, object] | None = None,
            headers: Mapping[str, str] | None = None,
            auth: tuple[str, str] | None = None,
            timeout: float | None = None,
            allow_redirects: bool = False,
        ) -> Response:
            form = data if method == "POST" else None
            credentials = make_headers(basic_auth=":".join(auth)) if auth else {}
            all_headers = {**(headers or {}), **credentials}
            answer = http.request(method, uri, all_headers, query=params, form=form)
            if not answer.accepted:
                # The package's exception would forget how long to rest.
                raise _refusal(answer)
            text = answer.body.decode("utf-8", "replace")
            return Response(answer.status, text, answer.headers)

    return Client(account, secret, http_client=OverOurClient(None, is_async=False))


class Twilio:
    """Sends one message to one number, over connections kept open."""

    name = "twilio"
    can_be_asked = True

    def __init__(self, settings: Settings) -> None:
        base = settings.twilio_url.rstrip("/")
        client = _make_client(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            HttpClient(base or _ADDRESS, settings.sms_timeout),
        )
        if base:
            client.api.base_url = base
        self._from = settings.twilio_from
        self._callbacks_at = settings.public_url.rstrip("/")
        # Made once: the package makes its parts at the first use, and many threads use them.
        self._messages = client.messages
        self._account = client.api.v2010.account

    def send(self, sms: OutgoingSms) -> str:
        parts = {"status_callback": self._callback(sms)} if self._callbacks_at else {}
        try:
            message = self._messages.create(
                to=sms.to.e164, from_=self._from, body=sms.text, **parts
            )
            if isinstance(message.sid, str) and message.sid and message.status not in _NOT_SENT:
                return message.sid
            failed, code = message.status in _NOT_SENT, message.error_code
        except (TwilioException, ValueError, TypeError, AttributeError):
            failed, code = False, None
        if failed:
            raise _refusal_of_code(code, f"status {message.status}")
        raise DeliveryUnknown("answer not understood")

    def find(self, sms: OutgoingSms) -> str | None:
        """Looks for the text among the last messages to the number, and returns its reference.

        Not by the day it was sent: one that still waits in their queue has none. They do not give
        our callback address back, so two messages of the same words are not told apart.
        """
        if sms.since is None:
            raise LookupError(sms.reference)
        since = sms.since - _SKEW
        try:
            last = self._messages.list(to=sms.to.e164, limit=_SEARCHED, page_size=_SEARCHED)
            same = [m for m in last if m.body == sms.text and m.date_created >= since]
            ours = [m for m in same if str(m.direction).startswith("outbound")]
        except DeliveryUnknown as unknown:
            reason = unknown.reason
        except (TwilioException, ValueError, TypeError, AttributeError, KeyError):
            reason = "answer not understood"
        else:
            # One that went out counts before one that failed.
            ours.sort(key=lambda m: m.status in _NOT_SENT)
            return str(ours[0].sid) if ours else None
        raise SendRefused(reason, retry="same", faulty=True)

    def list_sent(self, since: datetime, until: datetime) -> Iterator[LoggedSms]:
        """Lists their log of our sender's messages, by the moments at which they were given.

        They search by the day on which a message left; one that still waits with them is not found.
        """
        last = until + _LONGEST_QUEUED
        try:
            listed = self._messages.stream(
                from_=self._from,
                date_sent_after=since.astimezone(UTC),
                date_sent_before=last.astimezone(UTC),
                page_size=_PAGE,
            )
            for one in listed:
                outbound = str(one.direction).startswith("outbound")
                if outbound and since <= one.date_created <= until and one.status not in _NOT_SENT:
                    yield LoggedSms(str(one.sid), Phone(one.to), one.body or "", one.date_created)
        except (TwilioException, ValueError, TypeError, AttributeError, KeyError):
            raise DeliveryUnknown("answer not understood") from None

    def check_account(self) -> str:
        try:
            account = self._account.fetch()
            status, trial = str(account.status), account.type == "Trial"
        except (TwilioException, ValueError, TypeError, AttributeError, KeyError):
            raise DeliveryUnknown("answer not understood") from None
        if status != "active":
            raise SendRefused(f"account {status}", retry="other", faulty=True)
        if trial:
            raise SendRefused("a trial reaches verified numbers alone", retry="other", faulty=True)
        try:
            balance = self._account.balance.fetch()
        except (SendRefused, DeliveryUnknown, TwilioException):
            # An account below another has none of its own.
            return "active, balance not told"
        return describe_balance(str(balance.balance), str(balance.currency))

    def _callback(self, sms: OutgoingSms) -> str:
        """Returns the address for reports; it names the message, as they may outrun the answer."""
        return f"{self._callbacks_at}/sms/twilio/status?m={sms.reference.removeprefix('maalem-')}"


def _refusal(answer: HttpResponse) -> SendRefused | DeliveryUnknown:
    """Returns the failure that their code means, or that the status means without a known code."""
    try:
        code = int(json.loads(answer.body)["code"])
    except (ValueError, KeyError, TypeError):
        code = 0
    known = _REFUSED.get(code)
    return known.to_error(code, read_rest(answer.headers)) if known else read_refusal(answer)


def _refusal_of_code(code: int | None, otherwise: str) -> SendRefused:
    return _REFUSED.get(code or 0, _OTHER).to_error(code or otherwise)


# The outcome of each word of a report; any other word is stored without effect.
_OUTCOMES: Mapping[str, Outcome] = {
    "accepted": "on_the_way",
    "scheduled": "on_the_way",
    "queued": "on_the_way",
    "sending": "on_the_way",
    "sent": "on_the_way",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}


class TwilioReader:
    """Reads its posts: forms, signed over the address and every field."""

    report_path = "status"
    # TwiML that sends nothing (str(MessagingResponse()), which reads all of Python's XML).
    thanks = '<?xml version="1.0" encoding="UTF-8"?><Response />'

    def read_report(self, form: Mapping[str, str], query: Mapping[str, str]) -> Report:
        status = read_word(form, "MessageStatus", "SmsStatus")
        if status is None:
            raise InvalidInput(what="MessageStatus", why="missing")
        code = read_word(form, "ErrorCode")
        return Report(
            read_id(form, "MessageSid", "SmsSid"),
            status,
            _OUTCOMES.get(status.lower()),
            f"error {code}" if code and code != "0" else None,
            _our_id(query.get("m", "")),
            stopped=code == str(_STOPPED),
            phone=find_phone(form, "To"),
        )

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms:
        """Reads a message; Twilio's own OptOutType of STOP, START or HELP replaces its text."""
        word = read_word(form, "OptOutType")
        text = word if word in {"STOP", "START", "HELP"} else read_text(form, "Body")
        identity, sender = read_id(form, "MessageSid", "SmsSid"), read_phone(form, "From")
        return InboundSms(identity, sender, text, answered=bool(form.get("OptOutType")))


def is_signed(
    settings: Settings, path: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> bool:
    """True if the signature is over every field and the address given to them (PUBLIC_URL).

    They sign with the account's token. While it is replaced there, the other one stands in
    CALLBACK_TOKENS.
    """
    tokens = settings.twilio_auth_token, *settings.callback_tokens.get("twilio", ())
    secrets = [token.get_secret_value() for token in tokens]
    signature = headers.get("X-Twilio-Signature", "")
    address = settings.public_url.rstrip("/") + path
    return any(
        bool(RequestValidator(secret).validate(address, form, signature))
        for secret in secrets
        if secret
    )


def _our_id(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII) else None
