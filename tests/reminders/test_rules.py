"""The interval of a difference of two shares, against published values."""

from __future__ import annotations

import pytest

from app.reminders.rules import Share, difference, wilson_interval


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table II, method 10, examples a to h.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_difference_equals_newcombe_s_examples(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    middle, below, above = difference(*(Share(people, paid) for paid, people in (first, second)))
    assert middle == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (round(below, 4), round(above, 4)) == (low, high)


def test_wilson_equals_newcombe_s_example() -> None:
    """81 of 263: 0.2553 to 0.3662 (Newcombe 1998, 17, 857-872, method 3)."""
    low, high = wilson_interval(Share(263, 81))
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_difference_of_nobody_is_unknown() -> None:
    assert difference(Share(0, 0), Share(0, 0)) == (0.0, -1.0, 1.0)
