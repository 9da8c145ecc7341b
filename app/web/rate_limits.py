"""Limits how often something may be tried; all processes count together in Redis."""

from limits import RateLimitItem
from redis.exceptions import RedisError

from app.observe import metrics
from app.runtime import runtime


def take_try(*counted: tuple[RateLimitItem, str, str]) -> bool:
    """Counts a try and returns True if it is within every rate.

    Each rate comes with the name of what is tried and with the caller. Without Redis the try is
    allowed: money and PINs have locks of their own.
    """
    try:
        limiter = runtime().limiter
        return all(limiter.hit(rate, what, whom) for rate, what, whom in counted)
    except RedisError:
        metrics.rate_limits_away.inc()
        return True
