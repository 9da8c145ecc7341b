"""The providers by name, as SMS_PROVIDERS writes them: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redis import Redis

from app.settings import Settings
from app.sms.africastalking import AfricasTalking, AfricasTalkingReader
from app.sms.log import LogProvider
from app.sms.provider import Provider, Reader
from app.sms.twilio import Twilio, TwilioReader


@dataclass(frozen=True, slots=True)
class Registered:
    """How to make a provider, and who reads what it posts to us, if it posts anything."""

    make: Callable[[Settings, Redis], Provider]
    reader: Reader | None = None


PROVIDERS: Mapping[str, Registered] = {
    "log": Registered(lambda _settings, redis: LogProvider(redis)),
    "africastalking": Registered(lambda s, _redis: AfricasTalking(s), AfricasTalkingReader()),
    "twilio": Registered(lambda s, _redis: Twilio(s), TwilioReader()),
}
