"""Limits how often something may be tried; all processes count together in Redis."""

from contextlib import suppress
from math import ceil
from time import time

import structlog
from limits import RateLimitItem
from redis.exceptions import RedisClusterException, RedisError

from app.base.redis_client import is_away
from app.observe import metrics
from app.runtime import runtime

_log = structlog.get_logger("redis")


def take_try(*counted: tuple[RateLimitItem, str, str]) -> bool:
    """Counts a try and returns True if it is within every rate.

    Each rate comes with the name of what is tried and with the caller. Without Redis the try is
    allowed: money and PINs have locks of their own. Where Redis answers and says no, as one that is
    full or a replica does, nothing is counted and so the try is not allowed.
    """
    try:
        limiter = runtime().limiter
        return all(limiter.hit(rate, what, whom) for rate, what, whom in counted)
    except (RedisError, RedisClusterException) as error:
        if is_away(error):
            metrics.rate_limits_away.inc()
            return True
        metrics.rate_limits_refused.inc()
        _log.error("rate_limits_refused", why=type(error).__name__)
        return False


def give_back_try(*counted: tuple[RateLimitItem, str, str]) -> None:
    """Takes back a try that was no failure: limits of guessing are not used up by honest posts.

    It is counted before and given back after, so that guesses sent at once are all counted.
    """
    with suppress(RedisError, RedisClusterException):
        for rate, what, whom in counted:
            key = rate.key_for(what, whom)
            runtime().limiter.storage.incr(key, rate.get_expiry(), amount=-1)


def seconds_to_wait(counted: tuple[RateLimitItem, str, str]) -> int:
    """Returns the seconds until a rate's window ends, one at least."""
    rate, what, whom = counted
    try:
        window = runtime().limiter.get_window_stats(rate, what, whom)
    except (RedisError, RedisClusterException):
        return 1
    return min(max(1, ceil(window.reset_time - time())), rate.get_expiry())
