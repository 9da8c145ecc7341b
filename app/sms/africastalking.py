"""Africa's Talking, through its own package. It cannot be asked by our reference."""

import json
from collections.abc import Mapping
from typing import Any

import requests
from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService

from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.settings import Settings
from app.sms.fields import read_id, read_phone, read_text, read_word
from app.sms.provider import FateUnknown, InboundSms, NotSent, Outcome, OutgoingSms, Report

# Connecting and answering, in seconds: well within a lease.
_TIMEOUT = (3.05, 9.05)
_TAKEN = {100, 101, 102}
_STOPPED = {406, 409}
# 405 balance, 407 route, 500-502 the gateway: they pass. The rest is about the number itself.
_PASSING = {405, 407, 500, 501, 502}


class AfricasTalking:
    """Sends one message to one number."""

    name = "africastalking"

    def __init__(self, settings: Settings) -> None:
        key = settings.africastalking_api_key.get_secret_value()
        self._sender = settings.africastalking_sender_id or None
        self._sms = SMSService(settings.africastalking_username, key)
        if settings.africastalking_url:
            # The package knows two addresses; another one has to be put in its place.
            self._sms._baseUrl = settings.africastalking_url.rstrip("/") + "/version1"

    def send(self, sms: OutgoingSms) -> str:
        try:
            answer = self._sms.send(sms.text, [sms.to.e164], self._sender, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise FateUnknown(type(error).__name__) from None
        except AfricasTalkingException as error:
            invalid = "authentication" in str(error).lower()
            reason = "authentication refused" if invalid else "http error"
            raise NotSent(reason, again="elsewhere", faulty=True) from None
        except ValueError:
            raise FateUnknown("answer not understood") from None
        return _reference(answer)

    def find(self, sms: OutgoingSms) -> str | None:
        raise LookupError(sms.reference)


def _reference(answer: Any) -> str:
    """Their message id, or the refusal their status code means."""
    try:
        told = json.loads(answer) if isinstance(answer, str) else answer
        (recipient,) = told["SMSMessageData"]["Recipients"]
        code, reference = int(recipient["statusCode"]), str(recipient["messageId"])
    except (ValueError, KeyError, TypeError):
        raise FateUnknown("answer not understood") from None
    if code in _TAKEN:
        return reference
    raise NotSent(
        f"status {code}",
        again="elsewhere" if code in _PASSING else "never",
        stopped=code in _STOPPED,
    )


# A report's words; one that is not here is kept and moves nothing.
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
    """Its posts are forms; the token in the address is what proves them."""

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
        )

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms:
        return InboundSms(read_id(form, "id"), read_phone(form, "from"), read_text(form, "text"))

    def read_optout(self, form: Mapping[str, str]) -> Phone:
        """Who asked it for no more messages from our sender."""
        return read_phone(form, "phoneNumber")
