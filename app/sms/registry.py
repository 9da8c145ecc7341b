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
# Settings, path, form and headers: whether the post is the provider's.
Signed = Callable[[Settings, str, Form, Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Registered:
    """How to make a provider, and who reads what it posts to us, if it posts anything.

    Without `signed` the token in the address proves a post. `read_optout` is for who tells at
    `/sms/<name>/optout` which phone asked it for no more.
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
