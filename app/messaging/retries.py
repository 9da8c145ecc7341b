"""What becomes of a message after a provider has spoken, or has not. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from app.messaging.models import ANSWER
from app.messaging.routing import MOST_ATTEMPTS_HERE
from app.sms.provider import DeliveryUnknown, SendRefused

# A provider may be away for days, and a receipt is still wanted when it comes back.
GIVEN_UP_AFTER = timedelta(hours=72)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """A message as it was handed to `provider`: its how-manyeth attempt, and who has refused it."""

    id: int
    priority: int
    provider: str
    attempts: int
    attempts_here: int
    tried: tuple[str, ...]
    created_at: datetime
    useful_until: datetime | None
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Disposition:
    """A message's next state. `wait` puts it back into the queue, `resent` counts a possible
    double, `stopped` says that the person wants no more from this provider.
    """

    state: str
    error: str | None = None
    reference: str | None = None
    wait: timedelta = timedelta(0)
    tried: tuple[str, ...] = ()
    doubt: str | None = None
    resent: int = 0
    stopped: bool = field(default=False)

    @property
    def ends(self) -> bool:
        return self.state in {"failed", "cancelled"}


def after_accepted(reference: str) -> Disposition:
    return Disposition("sent", reference=reference)


def after_refusal(
    handed: DeliveryAttempt,
    refusal: SendRefused,
    providers: Collection[str],
    now: datetime,
    random: Random,
) -> Disposition:
    """Here again a little later, elsewhere at once, or never."""
    said = {"error": refusal.reason, "stopped": refusal.stopped}
    if refusal.stopped and handed.priority != ANSWER:
        return Disposition("cancelled", **said)  # type: ignore[arg-type]
    here = refusal.again == "here" and handed.attempts_here < MOST_ATTEMPTS_HERE
    if here and not _is_given_up(handed, now):
        return Disposition("queued", wait=_wait(handed, random), tried=handed.tried, **said)  # type: ignore[arg-type]
    if refusal.again == "never" and not refusal.stopped:
        return Disposition("failed", **said)  # type: ignore[arg-type]
    return _elsewhere(handed, providers, now, random, refusal.reason, refusal.stopped)


def after_silence(
    handed: DeliveryAttempt,
    unknown: DeliveryUnknown,
    can_be_asked: bool,
    now: datetime,
    random: Random,
) -> Disposition:
    """Asked about where the provider can be asked; else sent again if a double does no harm."""
    if _is_given_up(handed, now) or (not can_be_asked and handed.priority != ANSWER):
        return Disposition("unknown", error=unknown.reason)
    wait = _wait(handed, random)
    if can_be_asked:
        doubt = handed.provider
        return Disposition(
            "queued", error=unknown.reason, wait=wait, tried=handed.tried, doubt=doubt
        )
    return Disposition("queued", error=unknown.reason, wait=wait, tried=handed.tried, resent=1)


def after_unanswered(
    handed: DeliveryAttempt, reason: str, now: datetime, random: Random
) -> Disposition:
    """Who may have it did not answer our question: asked again later."""
    if _is_given_up(handed, now):
        return Disposition("unknown", error=reason)
    wait = _wait(handed, random)
    return Disposition("queued", error=reason, wait=wait, tried=handed.tried, doubt=handed.provider)


def _elsewhere(
    handed: DeliveryAttempt,
    providers: Collection[str],
    now: datetime,
    random: Random,
    reason: str,
    stopped: bool,
) -> Disposition:
    tried = tuple(dict.fromkeys((*handed.tried, handed.provider)))
    if set(providers) - set(tried):
        return Disposition("queued", error=reason, tried=tried, stopped=stopped)
    if stopped or _is_given_up(handed, now):
        return Disposition("failed", error=reason, stopped=stopped)
    # All have refused it for now: from the first again, later.
    return Disposition("queued", error=reason, wait=_wait(handed, random))


def _is_given_up(handed: DeliveryAttempt, now: datetime) -> bool:
    return now - handed.created_at > GIVEN_UP_AFTER


def _wait(handed: DeliveryAttempt, random: Random) -> timedelta:
    """Twice as long each time, and not all at the same moment."""
    longest: timedelta = min(_FIRST_WAIT * 2 ** min(handed.attempts - 1, 16), _LONGEST_WAIT)
    return longest * (0.5 + random.random())
