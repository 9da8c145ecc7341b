"""Twilio, through its own package. It cannot be asked by our reference."""

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from app.settings import Settings
from app.sms.provider import Again, FateUnknown, NotSent, OutgoingSms

_TIMEOUT_SECONDS = 9.05
_STOPPED = 21610
_NOT_AUTHORISED = 401


class Twilio:
    """Sends one message to one number, over connections kept open."""

    name = "twilio"
    can_be_asked = False

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
