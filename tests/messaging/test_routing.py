"""Which provider a message goes to, and what becomes of it after the provider has spoken."""

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
    after_refusal,
    after_silence,
    after_unanswered,
)
from app.messaging.routing import Capacity, RouteRequest, choose_provider, usual_weights
from app.sms.provider import DeliveryUnknown, SendRefused

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
BOTH = ("one", "two")


def chosen(*, room: dict[str, int], weights: dict[str, int] | None = None, **asked: Any) -> Any:
    wanted = RouteRequest(
        **({"at": None, "attempts_here": 0, "refused": (), "doubt": None} | asked)
    )
    return choose_provider(
        wanted, Capacity(room), BOTH, usual_weights(BOTH, weights or {}), Random(7)
    )


@pytest.mark.parametrize(
    ("room", "asked", "provider"),
    [
        ({"one": 5, "two": 5}, {}, "one"),
        ({"one": 0, "two": 5}, {}, "two"),
        ({"one": 0, "two": 0}, {}, None),
        ({"one": 5, "two": 5}, {"refused": ("one",)}, "two"),
        ({"one": 5, "two": 5}, {"refused": BOTH}, None),
        # It stays with who had it, for three attempts.
        ({"one": 5, "two": 5}, {"at": "two", "attempts_here": 1}, "two"),
        ({"one": 5, "two": 5}, {"at": "two", "attempts_here": 3}, "one"),
        # Who may have it is asked, or waited for.
        ({"one": 5, "two": 5}, {"doubt": "two"}, "two"),
        ({"one": 5, "two": 0}, {"doubt": "two"}, None),
        # It is no provider of ours any more.
        ({"one": 5, "two": 5}, {"doubt": "three"}, "one"),
    ],
)
def test_the_choice(room: dict[str, int], asked: dict[str, Any], provider: str | None) -> None:
    assert chosen(room=room, **asked) == provider


def test_weights_are_shares() -> None:
    random, weights = Random(1), {"one": 3, "two": 1}
    drawn = Counter(
        choose_provider(
            RouteRequest(None, 0, (), None), Capacity({"one": 1, "two": 1}), BOTH, weights, random
        )
        for _ in range(4000)
    )
    assert 2850 < drawn["one"] < 3150


def handed(**changed: Any) -> DeliveryAttempt:
    usual = {
        "id": 1,
        "priority": ANSWER,
        "provider": "one",
        "attempts": 1,
        "attempts_here": 1,
        "tried": (),
        "created_at": NOW - timedelta(minutes=1),
        "useful_until": None,
        "leased_until": NOW,
    }
    return DeliveryAttempt(**(usual | changed))


def refused(one: DeliveryAttempt, **said: Any) -> Any:
    return after_refusal(one, SendRefused("why", **said), BOTH, NOW, Random(1))


OLD = {"created_at": NOW - GIVEN_UP_AFTER - timedelta(seconds=1)}


@pytest.mark.parametrize(
    ("one", "said", "state", "tried"),
    [
        (handed(), {"again": "here"}, "queued", ()),
        (handed(attempts_here=3), {"again": "here"}, "queued", ("one",)),
        (handed(), {"again": "elsewhere"}, "queued", ("one",)),
        (handed(provider="two", tried=("one",)), {"again": "elsewhere"}, "queued", ()),
        (handed(provider="two", tried=("one",), **OLD), {"again": "elsewhere"}, "failed", ()),
        (handed(), {"again": "never"}, "failed", ()),
        (handed(), {"again": "elsewhere", "stopped": True}, "queued", ("one",)),
        (handed(priority=CAMPAIGN), {"again": "elsewhere", "stopped": True}, "cancelled", ()),
        (
            handed(provider="two", tried=("one",)),
            {"again": "elsewhere", "stopped": True},
            "failed",
            (),
        ),
    ],
)
def test_after_a_refusal(
    one: DeliveryAttempt, said: dict[str, Any], state: str, tried: tuple[str, ...]
) -> None:
    after = refused(one, **said)
    assert (after.state, after.tried, after.error) == (state, tried, "why")


@pytest.mark.parametrize(
    ("one", "can_be_asked", "state", "doubt", "resent"),
    [
        (handed(), True, "queued", "one", 0),
        (handed(priority=CAMPAIGN), True, "queued", "one", 0),
        (handed(), False, "queued", None, 1),
        (handed(priority=CAMPAIGN), False, "unknown", None, 0),
        (handed(**OLD), False, "unknown", None, 0),
    ],
)
def test_after_silence(
    one: DeliveryAttempt, can_be_asked: bool, state: str, doubt: str | None, resent: int
) -> None:
    after = after_silence(one, DeliveryUnknown("cut"), can_be_asked, NOW, Random(1))
    assert (after.state, after.doubt, after.resent) == (state, doubt, resent)


def test_a_question_unanswered_is_asked_again() -> None:
    after = after_unanswered(handed(), "away", NOW, Random(1))
    assert (after.state, after.doubt, after.resent) == ("queued", "one", 0)
    assert after_unanswered(handed(**OLD), "away", NOW, Random(1)).state == "unknown"


@given(st.integers(1, 60), st.integers())
def test_waits_grow_to_ten_minutes_and_differ(attempts: int, seed: int) -> None:
    after = after_silence(
        handed(attempts=attempts), DeliveryUnknown("cut"), True, NOW, Random(seed)
    )
    middle = min(2 * 2 ** (attempts - 1), 600)
    assert middle * 0.5 <= after.wait.total_seconds() <= middle * 1.5
