"""The providers by name, as SMS_PROVIDERS writes them: one line each."""

from collections.abc import Callable, Mapping

from redis import Redis

from app.settings import Settings
from app.sms.africastalking import AfricasTalking
from app.sms.log import LogProvider
from app.sms.provider import Provider
from app.sms.twilio import Twilio

PROVIDERS: Mapping[str, Callable[[Settings, Redis], Provider]] = {
    "log": lambda _settings, redis: LogProvider(redis),
    "africastalking": lambda settings, _redis: AfricasTalking(settings),
    "twilio": lambda settings, _redis: Twilio(settings),
}
