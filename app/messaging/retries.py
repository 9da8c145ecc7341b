"""Decides the next state of a message after one delivery attempt. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from app.messaging.models import ANSWER
from app.messaging.routing import MOST_ATTEMPTS_HERE
from app.sms.provider import DeliveryUnknown, SendRefused

# A receipt is still of use after a provider was away for days.
GIVEN_UP_AFTER = timedelta(hours=72)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """A delivery attempt at `provider`: its number, and the providers that refused before.

    `attempts` counts all, `attempts_here` those at this provider in a row, both with this one.
    """

    id: int
    priority: int
    provider: str
    attempts: int
    attempts_here: int
    refused_by: tuple[str, ...]
    created_at: datetime
    useful_until: datetime | None
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Disposition:
    """The next state of a message, and the `error` that led to it.

    A queued message is due after `wait`. `maybe_sent_by` is the provider to ask before it is sent
    again. `resent` is the number of copies that may be double. `stopped` is True if the person
    opted out at the provider.
    """

    state: str
    error: str | None = None
    reference: str | None = None
    wait: timedelta = timedelta(0)
    refused_by: tuple[str, ...] = ()
    maybe_sent_by: str | None = None
    resent: int = 0
    stopped: bool = False

    @property
    def ends(self) -> bool:
        return self.state in {"failed", "cancelled"}


def decide_after_acceptance(reference: str) -> Disposition:
    """Returns `sent`, with the provider's own reference."""
    return Disposition("sent", reference=reference)


def decide_after_refusal(
    attempt: DeliveryAttempt,
    refusal: SendRefused,
    providers: Collection[str],
    now: datetime,
    random: Random,
) -> Disposition:
    """Returns `queued`, for the same provider or another, or else `failed` or `cancelled`."""
    reason, stopped = refusal.reason, refusal.stopped
    if stopped and attempt.priority != ANSWER:
        return Disposition("cancelled", error=reason, stopped=True)
    same = refusal.retry == "same" and attempt.attempts_here < MOST_ATTEMPTS_HERE
    if same and not _is_given_up(attempt, now):
        return Disposition(
            "queued",
            error=reason,
            wait=_draw_wait(attempt, random),
            refused_by=attempt.refused_by,
            stopped=stopped,
        )
    if refusal.retry == "never" and not stopped:
        return Disposition("failed", error=reason)
    return _try_another(attempt, refusal, providers, now, random)


def decide_after_silence(
    attempt: DeliveryAttempt,
    unknown: DeliveryUnknown,
    can_be_asked: bool,
    now: datetime,
    random: Random,
) -> Disposition:
    """Returns `queued`, to ask the provider later, or to send an answer again; else `unknown`.

    Only an answer is sent again, because a double of it does no harm.
    """
    if _is_given_up(attempt, now) or (not can_be_asked and attempt.priority != ANSWER):
        return Disposition("unknown", error=unknown.reason)
    return Disposition(
        "queued",
        error=unknown.reason,
        wait=_draw_wait(attempt, random),
        refused_by=attempt.refused_by,
        maybe_sent_by=attempt.provider if can_be_asked else None,
        resent=0 if can_be_asked else 1,
    )


def decide_after_no_answer(
    attempt: DeliveryAttempt, reason: str, now: datetime, random: Random
) -> Disposition:
    """Returns `queued`, to ask the provider again later; `unknown` once the message is given up."""
    if _is_given_up(attempt, now):
        return Disposition("unknown", error=reason)
    return Disposition(
        "queued",
        error=reason,
        wait=_draw_wait(attempt, random),
        refused_by=attempt.refused_by,
        maybe_sent_by=attempt.provider,
    )


def _try_another(
    attempt: DeliveryAttempt,
    refusal: SendRefused,
    providers: Collection[str],
    now: datetime,
    random: Random,
) -> Disposition:
    reason, stopped = refusal.reason, refusal.stopped
    refused_by = tuple(dict.fromkeys((*attempt.refused_by, attempt.provider)))
    if set(providers) - set(refused_by):
        return Disposition("queued", error=reason, refused_by=refused_by, stopped=stopped)
    if stopped or _is_given_up(attempt, now):
        return Disposition("failed", error=reason, stopped=stopped)
    # Every provider has refused it for now: later it starts again with the first.
    return Disposition("queued", error=reason, wait=_draw_wait(attempt, random))


def _is_given_up(attempt: DeliveryAttempt, now: datetime) -> bool:
    return now - attempt.created_at > GIVEN_UP_AFTER


def _draw_wait(attempt: DeliveryAttempt, random: Random) -> timedelta:
    """Draws the wait before the next attempt, about twice as long after each attempt.

    It is random, so that messages are not all due at the same moment.
    """
    longest: timedelta = min(_FIRST_WAIT * 2 ** min(attempt.attempts - 1, 16), _LONGEST_WAIT)
    return longest * (0.5 + random.random())
