"""Choosing a provider, and the next state of a message after an attempt."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.messaging.models import ANSWER, CAMPAIGN
from app.messaging.retries import (
    GIVEN_UP_AFTER,
    DeliveryAttempt,
    Disposition,
    decide_after_no_answer,
    decide_after_refusal,
    decide_after_silence,
)
from app.messaging.routing import (
    Capacity,
    RouteRequest,
    RoutingPolicy,
    choose_provider,
    usual_weights,
)
from app.sms.provider import DeliveryUnknown, SendRefused

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
BOTH = ("one", "two")


def choose(*, capacity: dict[str, int], **request: Any) -> str | None:
    usual = {"last_provider": None, "attempts_here": 0, "refused_by": (), "maybe_sent_by": None}
    policy = RoutingPolicy(BOTH, usual_weights(BOTH, {}), Capacity(capacity), Random(7))
    return choose_provider(RouteRequest(**(usual | request)), policy)


@pytest.mark.parametrize(
    ("capacity", "request_", "provider"),
    [
        ({"one": 5, "two": 5}, {}, "one"),
        ({"one": 0, "two": 5}, {}, "two"),
        ({"one": 0, "two": 0}, {}, None),
        ({"one": 5, "two": 5}, {"refused_by": ("one",)}, "two"),
        ({"one": 5, "two": 5}, {"refused_by": BOTH}, None),
        # It stays with who had it, for three attempts.
        ({"one": 5, "two": 5}, {"last_provider": "two", "attempts_here": 1}, "two"),
        ({"one": 5, "two": 5}, {"last_provider": "two", "attempts_here": 3}, "one"),
        # Who may have it is asked, or waited for.
        ({"one": 5, "two": 5}, {"maybe_sent_by": "two"}, "two"),
        ({"one": 5, "two": 0}, {"maybe_sent_by": "two"}, None),
        # It is no provider of ours any more.
        ({"one": 5, "two": 5}, {"maybe_sent_by": "three"}, "one"),
    ],
)
def test_choose_provider_by_capacity_last_attempts_and_doubt(
    capacity: dict[str, int], request_: dict[str, Any], provider: str | None
) -> None:
    assert choose(capacity=capacity, **request_) == provider


def test_choose_provider_draws_by_weight() -> None:
    policy = RoutingPolicy(BOTH, {"one": 3, "two": 1}, Capacity({"one": 1, "two": 1}), Random(1))
    drawn = Counter(choose_provider(RouteRequest(None, 0, (), None), policy) for _ in range(4000))
    assert 2850 < drawn["one"] < 3150


def attempt(**changed: Any) -> DeliveryAttempt:
    usual = {
        "id": 1,
        "priority": ANSWER,
        "provider": "one",
        "attempts": 1,
        "attempts_here": 1,
        "refused_by": (),
        "created_at": NOW - timedelta(minutes=1),
        "useful_until": None,
        "leased_until": NOW,
    }
    return DeliveryAttempt(**(usual | changed))


def refuse(tried: DeliveryAttempt, **refusal: Any) -> Disposition:
    return decide_after_refusal(tried, SendRefused("why", **refusal), BOTH, NOW, Random(1))


OLD = {"created_at": NOW - GIVEN_UP_AFTER - timedelta(seconds=1)}


@pytest.mark.parametrize(
    ("tried", "refusal", "state", "refused_by"),
    [
        (attempt(), {"retry": "same"}, "queued", ()),
        (attempt(attempts_here=3), {"retry": "same"}, "queued", ("one",)),
        (attempt(), {"retry": "other"}, "queued", ("one",)),
        (attempt(provider="two", refused_by=("one",)), {"retry": "other"}, "queued", ()),
        (attempt(provider="two", refused_by=("one",), **OLD), {"retry": "other"}, "failed", ()),
        (attempt(), {"retry": "never"}, "failed", ()),
        (attempt(), {"retry": "other", "stopped": True}, "queued", ("one",)),
        (attempt(priority=CAMPAIGN), {"retry": "other", "stopped": True}, "cancelled", ()),
        (
            attempt(provider="two", refused_by=("one",)),
            {"retry": "other", "stopped": True},
            "failed",
            (),
        ),
    ],
)
def test_after_refusal_tries_the_same_another_or_none(
    tried: DeliveryAttempt, refusal: dict[str, Any], state: str, refused_by: tuple[str, ...]
) -> None:
    after = refuse(tried, **refusal)
    assert (after.state, after.refused_by, after.error) == (state, refused_by, "why")


@pytest.mark.parametrize(
    ("tried", "can_be_asked", "state", "maybe_sent_by", "resent"),
    [
        (attempt(), True, "queued", "one", 0),
        (attempt(priority=CAMPAIGN), True, "queued", "one", 0),
        (attempt(), False, "queued", None, 1),
        (attempt(priority=CAMPAIGN), False, "unknown", None, 0),
        (attempt(**OLD), False, "unknown", None, 0),
    ],
)
def test_after_silence_asks_or_sends_an_answer_again(
    tried: DeliveryAttempt, can_be_asked: bool, state: str, maybe_sent_by: str | None, resent: int
) -> None:
    after = decide_after_silence(tried, DeliveryUnknown("cut"), can_be_asked, NOW, Random(1))
    assert (after.state, after.maybe_sent_by, after.resent) == (state, maybe_sent_by, resent)


def test_after_unanswered_asks_again_for_three_days() -> None:
    after = decide_after_no_answer(attempt(), "away", NOW, Random(1))
    assert (after.state, after.maybe_sent_by, after.resent) == ("queued", "one", 0)
    assert decide_after_no_answer(attempt(**OLD), "away", NOW, Random(1)).state == "unknown"


@given(st.integers(1, 60), st.integers())
def test_waits_grow_to_ten_minutes_and_differ(attempts: int, seed: int) -> None:
    after = decide_after_silence(
        attempt(attempts=attempts), DeliveryUnknown("cut"), True, NOW, Random(seed)
    )
    middle = min(2 * 2 ** (attempts - 1), 600)
    assert middle * 0.5 <= after.wait.total_seconds() <= middle * 1.5
