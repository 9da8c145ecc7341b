"""The screen with a payment code: where to pay, how much and until which day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from app.payments.wording import last_day_to_pay
from app.reminders.calendar import read_calendar
from app.runtime import Runtime
from app.text.languages import LANGUAGES
from app.ussd.checker.filled_menu import FilledMenu
from tests.conftest import TestClock
from tests.phone import LIMITS, TestPhone

FATIMA, HASSAN = "+212600000001", "+212600000002"


def pages(runtime: Runtime, screen: str, language: str) -> list[str]:
    found = runtime.ussd.menu.screens[screen]
    return FilledMenu(runtime.ussd, runtime.samples).pages(found, language, LIMITS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_screen_has_all_that_the_counter_needs_on_its_first_page(
    runtime: Runtime, language: str
) -> None:
    first = pages(runtime, "code", language)[0]
    for needed in ("8888 8888 8888", "99999", "Wafacash", "28/12", "\n1 "):
        assert needed in first


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_for_another_has_the_same_and_announces_a_message(
    runtime: Runtime, language: str
) -> None:
    said = "\n".join(pages(runtime, "code_for_another", language))
    for needed in ("8888 8888 8888", "Wafacash", "28/12", "SMS", "\n1 "):
        assert needed in said


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("chain", ["2*1", "2*3*100002*1"])
def test_code_screen_leads_to_the_agencies_of_ones_town(phone: TestPhone, chain: str) -> None:
    code = phone.dial(FATIMA, chain)
    assert phone.answer("1").startswith("Salé:\n1 Tabriquet")
    assert "Lundi-vendredi:" in phone.answer("1")
    phone.answer("0")
    assert phone.answer("0") == code


CASES: list[tuple[str, datetime, date]] = [
    # Monday at noon in a week: the Saturday before, as the code ends before Monday's closing.
    ("2026-11-23", datetime(2026, 11, 30, 11, 0, tzinfo=UTC), date(2026, 11, 28)),
    # The month's last moment, on a Monday.
    ("2026-11-25", datetime(2026, 12, 1, 0, 0, tzinfo=UTC), date(2026, 11, 30)),
    # 31 January 2027 is a Sunday.
    ("2027-01-27", datetime(2027, 2, 1, 0, 0, tzinfo=UTC), date(2027, 1, 30)),
    # 18 November is a holiday.
    ("2026-11-14", datetime(2026, 11, 19, 0, 0, tzinfo=UTC), date(2026, 11, 17)),
    # No counter opens any more: the code's own last day.
    ("2027-01-31", datetime(2027, 2, 1, 0, 0, tzinfo=UTC), date(2027, 1, 31)),
]


@pytest.mark.parametrize(("today", "expires_at", "told"), CASES, ids=[c[0] for c in CASES])
def test_last_day_to_pay_is_one_with_open_counters(
    today: str, expires_at: datetime, told: date
) -> None:
    is_closed: Callable[[date], bool] = read_calendar().is_closed
    assert last_day_to_pay(expires_at, date.fromisoformat(today), is_closed) == told


@pytest.mark.usefixtures("sample_people")
def test_code_screen_names_no_sunday_as_the_last_day(phone: TestPhone, runtime: Runtime) -> None:
    clock = runtime.clock
    assert isinstance(clock, TestClock)
    clock.now = datetime(2027, 1, 27, 10, 0, tzinfo=UTC)
    assert "jusqu'au 30/01" in phone.dial(HASSAN, "2*1")
