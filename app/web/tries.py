"""How often something may be tried, counted in Redis by all processes together."""

from limits import RateLimitItem
from redis.exceptions import RedisError

from app.observe import metrics
from app.runtime import runtime


def take_try(rate: RateLimitItem, *name: str) -> bool:
    """Whether one more is within the rate. Fails open: what money and PINs need is locked apart."""
    try:
        return runtime().limiter.hit(rate, *name)
    except RedisError:
        metrics.rate_limits_away.inc()
        return True
