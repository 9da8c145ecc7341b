"""Twilio, through its own package. It cannot be asked by our reference."""

import re
from collections.abc import Mapping

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from app.base.errors import InvalidInput
from app.settings import Settings
from app.sms.fields import read_id, read_phone, read_text, read_word
from app.sms.provider import Again, FateUnknown, InboundSms, NotSent, Outcome, OutgoingSms, Report

_TIMEOUT_SECONDS = 9.05
_STOPPED = 21610
_NOT_AUTHORISED = 401


class Twilio:
    """Sends one message to one number, over connections kept open."""

    name = "twilio"

    def __init__(self, settings: Settings) -> None:
        self._from = settings.twilio_from
        self._client = Client(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            http_client=TwilioHttpClient(timeout=_TIMEOUT_SECONDS),
        )
        if settings.twilio_url:
            self._client.api.base_url = settings.twilio_url.rstrip("/")

    def send(self, sms: OutgoingSms) -> str:
        try:
            sent = self._client.messages.create(to=sms.to.e164, from_=self._from, body=sms.text)
        except requests.RequestException as error:
            raise FateUnknown(type(error).__name__) from None
        except TwilioRestException as error:
            raise _refusal(error) from None
        except (TwilioException, ValueError):
            raise FateUnknown("answer not understood") from None
        if not sent.sid:
            raise FateUnknown("answer not understood")
        return str(sent.sid)

    def find(self, sms: OutgoingSms) -> str | None:
        raise LookupError(sms.reference)


def _refusal(error: TwilioRestException) -> NotSent:
    """A wrong request stays wrong; throttling, our own sign-in and their faults pass."""
    passing = error.status in {_NOT_AUTHORISED, 429} or error.status >= 500
    again: Again = "here" if passing else "never"
    return NotSent(f"error {error.code}", again=again, stopped=error.code == _STOPPED)


# A report's words; one that is not here is kept and moves nothing.
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
    """Its posts are forms, signed over the address and every field."""

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
        )

    def read_inbound(self, form: Mapping[str, str]) -> InboundSms:
        """What it took for a STOP, START or HELP of its own is read as that word."""
        word = read_word(form, "OptOutType")
        text = word if word in {"STOP", "START", "HELP"} else read_text(form, "Body")
        sender = read_phone(form, "From")
        return InboundSms(read_id(form, "MessageSid", "SmsSid"), sender, text)


def _our_id(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII) else None
