"""The day by which the help desk calls: no Saturday and no Sunday counts."""

from datetime import date

import pytest

from app.assistance.rules import call_by


@pytest.mark.parametrize(
    ("asked_on", "called_by"),
    [
        ("2026-11-23", "2026-11-25"),
        ("2026-11-26", "2026-11-30"),
        ("2026-11-27", "2026-12-01"),
        ("2026-11-28", "2026-12-01"),
        ("2026-11-29", "2026-12-01"),
    ],
)
def test_call_by_counts_the_days_on_which_offices_are_open(asked_on: str, called_by: str) -> None:
    assert call_by(date.fromisoformat(asked_on)) == date.fromisoformat(called_by)
