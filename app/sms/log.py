"""The provider of development: accepts and logs every message, and can be asked about it.

The text itself is not logged; the simulator's inbox shows it from the outbox.
"""

from collections.abc import Iterator
from datetime import datetime

import structlog
from redis import Redis
from redis.exceptions import RedisError

from app.sms.provider import LoggedSms, OutgoingSms, SendRefused

_REMEMBERED_SECONDS = 7 * 24 * 3600


class LogProvider:
    """Keeps in Redis the references it accepted, as a network would."""

    name = "log"
    can_be_asked = True

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._log = structlog.get_logger("sms")

    def send(self, sms: OutgoingSms) -> str:
        key = _key(sms.reference)
        try:
            times = self._redis.incr(key)
            self._redis.expire(key, _REMEMBERED_SECONDS)
        except RedisError as error:
            raise SendRefused("redis is away", retry="same") from error
        self._log.info("sms_accepted", to=sms.to, reference=sms.reference, times=times)
        return f"log-{sms.reference}"

    def find(self, sms: OutgoingSms) -> str | None:
        try:
            known = self._redis.exists(_key(sms.reference))
        except RedisError as error:
            raise SendRefused("redis is away", retry="same") from error
        return f"log-{sms.reference}" if known else None

    def list_sent(self, since: datetime, until: datetime) -> Iterator[LoggedSms]:
        raise LookupError(self.name)

    def check_account(self) -> str:
        return "sends to nobody"


def _key(reference: str) -> str:
    return f"sms:log:{reference}"
