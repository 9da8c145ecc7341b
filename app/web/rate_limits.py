"""Limits how often something may be tried; all processes count together in Redis."""

from contextlib import suppress
from math import ceil
from time import time

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


def give_back_try(*counted: tuple[RateLimitItem, str, str]) -> None:
    """Takes back a try that was no failure: limits of guessing are not used up by honest posts.

    It is counted before and given back after, so that guesses sent at once are all counted.
    """
    with suppress(RedisError):
        for rate, what, whom in counted:
            key = rate.key_for(what, whom)
            runtime().limiter.storage.incr(key, rate.get_expiry(), amount=-1)


def seconds_to_wait(counted: tuple[RateLimitItem, str, str]) -> int:
    """Returns the seconds until a rate's window ends, one at least."""
    rate, what, whom = counted
    try:
        window = runtime().limiter.get_window_stats(rate, what, whom)
    except RedisError:
        return 1
    return min(max(1, ceil(window.reset_time - time())), rate.get_expiry())
