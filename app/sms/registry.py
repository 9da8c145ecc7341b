"""The providers by name, as SMS_PROVIDERS writes them: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from redis import Redis

from app.base.phone import Phone
from app.settings import Settings
from app.sms.africastalking import AfricasTalking, AfricasTalkingReader
from app.sms.log import LogProvider
from app.sms.provider import Provider, Reader
from app.sms.twilio import Twilio, TwilioReader, is_signed

Form = Mapping[str, str]
# True if a post is the provider's: from settings, path, form and headers.
Signed = Callable[[Settings, str, Form, Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Registered:
    """A provider's maker, and the reader of its posts to us, if it posts anything.

    Without `signed` the token in the address proves a post. `read_optout` reads the phones that a
    provider reports as opted out at `/sms/<name>/optout`.
    """

    make: Callable[[Settings, Redis], Provider]
    reader: Reader | None = None
    signed: Signed | None = None
    read_optout: Callable[[Form], Phone] | None = None


_AFRICASTALKING = AfricasTalkingReader()
PROVIDERS: Mapping[str, Registered] = {
    "log": Registered(lambda _settings, redis: LogProvider(redis)),
    "africastalking": Registered(
        lambda s, _redis: AfricasTalking(s),
        _AFRICASTALKING,
        read_optout=_AFRICASTALKING.read_optout,
    ),
    "twilio": Registered(lambda s, _redis: Twilio(s), TwilioReader(), signed=is_signed),
}
