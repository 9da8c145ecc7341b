"""How often something may be tried, counted in Redis by all processes together."""

from limits import RateLimitItem
from redis.exceptions import RedisError

from app.observe import metrics
from app.runtime import runtime


def take_try(*counted: tuple[RateLimitItem, str, str]) -> bool:
    """Whether one more try is within each rate of what, and of whom.

    Fails open: what money and PINs need is locked apart.
    """
    try:
        limiter = runtime().limiter
        return all(limiter.hit(rate, what, whom) for rate, what, whom in counted)
    except RedisError:
        metrics.rate_limits_away.inc()
        return True
