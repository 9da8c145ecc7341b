"""The day by which the help desk calls: no Saturday, no Sunday and no holiday counts."""

from datetime import date

import pytest

from app.assistance.rules import call_by

THRONE_DAY = date(2026, 7, 30)


@pytest.mark.parametrize(
    ("asked_on", "called_by"),
    [
        ("2026-11-23", "2026-11-25"),
        ("2026-11-26", "2026-11-30"),
        ("2026-11-27", "2026-12-01"),
        ("2026-11-28", "2026-12-01"),
        ("2026-11-29", "2026-12-01"),
        ("2026-07-29", "2026-08-03"),
    ],
)
def test_call_by_counts_the_days_on_which_offices_are_open(asked_on: str, called_by: str) -> None:
    called = call_by(date.fromisoformat(asked_on), lambda day: day == THRONE_DAY)
    assert called == date.fromisoformat(called_by)
