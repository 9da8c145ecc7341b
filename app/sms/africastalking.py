"""Africa's Talking, through its own package. It cannot be asked what it took."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.settings import Settings
from app.sms.fields import find_phone, read_id, read_phone, read_text, read_word
from app.sms.http import HttpClient, HttpResponse, read_refusal
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

_ADDRESS = "https://api.africastalking.com"
# Processed, sent, queued.
_ACCEPTED = {100, 101, 102}
_LONGEST_REFERENCE = 64

# https://developers.africastalking.com/docs/sms/sending: the `statusCode` of a recipient. A
# request refused whole has the same words in `Message`, and no recipients.
_REFUSED: Mapping[int, RefusalCode] = {
    401: RefusalCode("RiskHold", "other", faulty=True),
    402: RefusalCode("InvalidSenderId", "other", faulty=True),
    403: RefusalCode("InvalidPhoneNumber", "never"),
    404: RefusalCode("UnsupportedNumberType", "other"),
    405: RefusalCode("InsufficientBalance", "other", faulty=True),
    406: RefusalCode("UserInBlacklist", "other", stopped=True),
    407: RefusalCode("CouldNotRoute", "other"),
    409: RefusalCode("DoNotDisturbRejection", "other", stopped=True),
    500: RefusalCode("InternalServerError", "same", faulty=True),
    501: RefusalCode("GatewayError", "same", faulty=True),
    502: RefusalCode("RejectedByGateway", "other"),
}
_BALANCE = re.compile(r"([A-Z]{3}) ?(-?\d[\d,]*(?:\.\d+)?)", re.ASCII)
_BY_WORD = {refusal.word.lower(): code for code, refusal in _REFUSED.items()}
_OTHER = RefusalCode("refused", "other")


class _SmsService(Protocol):
    """The package's client, which has no types."""

    def send(self, message: str, recipients: list[str], sender_id: str | None) -> HttpResponse: ...

    def fetch_application_data(self) -> HttpResponse: ...


def _make_service(username: str, key: str, base: str, http: HttpClient) -> _SmsService:
    """Makes the package's client over our HttpClient: its own opens a connection a message.

    The package is imported here alone: a process that only reads posts does without it.
    """
    from africastalking.Application import ApplicationService
    from africastalking.SMS import SMSService

    class Service(SMSService):  # type: ignore[misc]  # the package has no types
        fetch_application_data = ApplicationService.fetch_application_data

        def _make_request(
            self,
            url: str,
            method: str,
            headers: Mapping[str, str],
            data: Mapping[str, object] | None,
            params: Mapping[str, object] | None = None,
            **_: object,
        ) -> HttpResponse:
            return http.request(method, url, headers, query=params, form=data)

    service = Service(username, key)
    if base:
        # The package knows two addresses; another one has to be put in its place.
        service._baseUrl = base.rstrip("/") + "/version1"
    client: _SmsService = service
    return client


class AfricasTalking:
    """Sends one message to one number, over connections kept open."""

    name = "africastalking"
    can_be_asked = False

    def __init__(self, settings: Settings) -> None:
        key = settings.africastalking_api_key.get_secret_value()
        base = settings.africastalking_url
        self._sender = settings.africastalking_sender_id or None
        http = HttpClient(base or _ADDRESS, settings.sms_timeout)
        self._service = _make_service(settings.africastalking_username, key, base, http)

    def send(self, sms: OutgoingSms) -> str:
        answer = self._service.send(sms.text, [sms.to.e164], self._sender)
        if not answer.accepted:
            raise read_refusal(answer)
        return _read_reference(answer.body)

    def find(self, sms: OutgoingSms) -> str | None:
        raise LookupError(sms.reference)

    def list_sent(self, since: datetime, until: datetime) -> Iterator[LoggedSms]:
        """Refuses: the API lists messages received alone."""
        raise LookupError(self.name)

    def check_account(self) -> str:
        answer = self._service.fetch_application_data()
        if not answer.accepted:
            raise read_refusal(answer)
        try:
            told = _BALANCE.fullmatch(json.loads(answer.body)["UserData"]["balance"])
        except (ValueError, KeyError, TypeError):
            told = None
        if told is None:
            raise DeliveryUnknown("answer not understood")
        return describe_balance(told[2].replace(",", ""), told[1])


def _read_reference(body: bytes) -> str:
    """Returns their message id. Raises: SendRefused, DeliveryUnknown, by their status code."""
    data = _read_data(body)
    recipients = data["Recipients"]
    if not recipients:
        code = _BY_WORD.get(re.sub(r"[^a-z]", "", str(data.get("Message", "")).lower()))
        raise _refusal(code) if code else _OTHER.to_error("no recipient")
    try:
        code, reference = int(recipients[0]["statusCode"]), recipients[0].get("messageId")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DeliveryUnknown("answer not understood") from None
    if code not in _ACCEPTED:
        raise _refusal(code)
    if not isinstance(reference, str) or not 5 <= len(reference) <= _LONGEST_REFERENCE:
        raise DeliveryUnknown("taken, without an id")
    return reference


def _read_data(body: bytes) -> dict[str, Any]:
    """Returns the data of a 2xx. Raises: DeliveryUnknown if it cannot be read."""
    try:
        data = json.loads(body)["SMSMessageData"]
        if isinstance(data, dict) and isinstance(data["Recipients"], list):
            return data
    except (ValueError, KeyError, TypeError):
        pass
    raise DeliveryUnknown("answer not understood")


def _refusal(code: int) -> SendRefused | DeliveryUnknown:
    if known := _REFUSED.get(code):
        return known.to_error(code)
    # A new code of the hundreds that take a message may well be one more.
    return DeliveryUnknown(f"status {code}") if code < 400 else _OTHER.to_error(code)


# The outcome of each word of a report; any other word is stored without effect.
_OUTCOMES: Mapping[str, Outcome] = {
    "sent": "on_the_way",
    "submitted": "on_the_way",
    "buffered": "on_the_way",
    "success": "delivered",
    "rejected": "failed",
    "failed": "failed",
    "absentsubscriber": "failed",
    "expired": "failed",
}
_STOPPED_WORDS = {"userinblacklist", "donotdisturbrejection"}


class AfricasTalkingReader:
    """Reads its posts: forms, proved by the token in the address."""

    report_path, thanks = "delivery", ""

    def read_report(self, form: Mapping[str, str], query: Mapping[str, str]) -> Report:
        reference, status = read_id(form, "id"), read_word(form, "status")
        if status is None:
            raise InvalidInput(what="status", why="missing")
        reason = read_word(form, "failureReason")
        return Report(
            reference,
            status,
            _OUTCOMES.get(status.lower()),
            reason,
            stopped=(reason or "").lower() in _STOPPED_WORDS,
            phone=find_phone(form, "phoneNumber"),
        )

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms:
        return InboundSms(read_id(form, "id"), read_phone(form, "from"), read_text(form, "text"))

    def read_optout(self, form: Mapping[str, str]) -> Phone:
        """Returns the phone that opted out of messages from our sender."""
        return read_phone(form, "phoneNumber")
