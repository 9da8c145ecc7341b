"""When people may be written to: Sundays, holidays, hours, and Morocco's changes of clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.base.clock import CASABLANCA, local
from app.base.months import Month
from app.reminders.calendar import SHIPPED, Step, read_calendar
from app.reminders.errors import CalendarWrong
from app.reminders.rules import STEPS, occasion_of, occasions_on

CALENDAR = read_calendar()


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "closed"),
    [
        ("2026-11-22", True),  # Sunday
        ("2026-11-23", False),
        ("2026-11-18", True),  # independence
        ("2026-01-14", True),  # the Amazigh new year
        ("2026-10-31", True),  # Aid Al Wahda, a Saturday
        ("2026-05-27", True),
        ("2026-05-28", True),  # the second day of a feast
        ("2026-05-29", False),
        ("2027-03-10", True),
        ("2028-08-04", True),
    ],
)
def test_is_closed_on_sundays_and_holidays(day: str, closed: bool) -> None:
    assert CALENDAR.is_closed(date.fromisoformat(day)) is closed


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        # Up to Saturday 14 February Morocco is at UTC+1; from the 15th, for Ramadan, at UTC.
        ("2026-02-14", "08:00", "18:00"),
        ("2026-02-16", "09:00", "19:00"),
        # Ramadan itself: shorter hours.
        ("2026-02-19", "10:00", "17:00"),
        # Ramadan is over on 20 March, the clock goes forward on the 22nd.
        ("2026-03-21", "09:00", "19:00"),
        ("2026-03-23", "08:00", "18:00"),
        # From 20 September 2026 on it stays at UTC, says the zone data.
        ("2026-09-19", "08:00", "18:00"),
        ("2026-09-21", "09:00", "19:00"),
    ],
)
def test_hours_follow_the_changes_of_clock(day: str, opens: str, closes: str) -> None:
    on = date.fromisoformat(day)
    assert CALENDAR.opens(on) == utc(f"{day}T{opens}")
    assert CALENDAR.closes(on) == utc(f"{day}T{closes}")


def test_zone_data_has_the_changes_of_clock() -> None:
    """A change of the pinned data fails here: check the cases above again."""
    offsets = {
        day: datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=CASABLANCA).utcoffset()
        for day in ("2026-02-14", "2026-02-15", "2026-03-21", "2026-03-22", "2026-09-20")
    }
    hour, none = timedelta(hours=1), timedelta()
    assert list(offsets.values()) == [hour, none, none, hour, none]


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-11-23T08:59:59", "2026-11-23T09:00"),
        ("2026-11-23T09:00", "2026-11-23T09:00"),
        ("2026-11-23T18:59:59", "2026-11-23T18:59:59"),
        ("2026-11-23T19:00", "2026-11-24T09:00"),
        # Saturday evening: not on Sunday.
        ("2026-11-21T19:00", "2026-11-23T09:00"),
        # The evening before a holiday.
        ("2026-11-17T19:00", "2026-11-19T09:00"),
        # Over the change of clock: Saturday at UTC+1, Monday at UTC.
        ("2026-02-14T18:00", "2026-02-16T09:00"),
        ("2026-03-21T19:00", "2026-03-23T08:00"),
    ],
)
def test_next_opening_after_the_hours(moment: str, opening: str) -> None:
    assert CALENDAR.next_opening(utc(moment)) == utc(opening)
    assert CALENDAR.is_open(utc(moment)) is (moment == opening)


@pytest.mark.parametrize(
    ("step", "month", "opens", "until"),
    [
        ("week", "2026-11", "2026-11-23 09:00", "2026-11-27 19:00"),
        # The 24th of January is a Sunday: the next opening.
        ("week", "2027-01", "2027-01-25 09:00", "2027-01-29 19:00"),
        ("due", "2026-11", "2026-11-30 09:00", "2026-11-30 19:00"),
        # The 31st of October is a holiday: its next opening would be too late, so the day before.
        ("due", "2026-10", "2026-10-30 09:00", "2026-10-30 19:00"),
        # The 31st of May is a Sunday.
        ("due", "2026-05", "2026-05-30 09:00", "2026-05-30 19:00"),
        ("rights", "2026-11", "2026-11-16 09:00", "2026-11-26 19:00"),
        # Said in Ramadan, in its hours.
        ("due", "2026-02", "2026-02-28 10:00", "2026-02-28 17:00"),
        # Said before the clock goes forward, of use until after it: 24 March 2026.
        ("rights", "2026-03", "2026-03-17 10:00", "2026-03-27 19:00"),
    ],
)
def test_occasion_opens_and_closes_with_its_step(
    step: Step, month: str, opens: str, until: str
) -> None:
    occasion = occasion_of(CALENDAR, step, Month.parse(month))
    assert occasion
    assert f"{local(occasion.opens_at):%Y-%m-%d %H:%M}" == opens
    assert f"{local(occasion.useful_until):%Y-%m-%d %H:%M}" == until


def test_occasions_never_repeat_on_closed_days_or_past_the_deadline() -> None:
    """Every month of the years that the holidays are known of."""
    for ahead in range(36):
        month = Month(2026, 1) + ahead
        for step in STEPS:
            occasion = occasion_of(CALENDAR, step, month)
            assert occasion
            assert CALENDAR.is_open(occasion.opens_at), occasion
            assert occasion.opens_at < occasion.useful_until
            assert local(occasion.useful_until).date() <= occasion.deadline
        week, due = (occasion_of(CALENDAR, step, month) for step in ("week", "due"))
        assert week and due and week.useful_until < due.opens_at


def test_occasions_on_a_day() -> None:
    def names(day: str) -> list[str]:
        return [occasion.name for occasion in occasions_on(CALENDAR, date.fromisoformat(day))]

    assert names("2026-11-15") == []
    assert names("2026-11-16") == ["reminder:2026-11:rights"]
    assert names("2026-11-23") == ["reminder:2026-11:week", "reminder:2026-11:rights"]
    # Of use until the 26th and 27th: what was missed comes along.
    assert names("2026-11-27") == ["reminder:2026-11:week"]
    assert names("2026-11-28") == []
    assert names("2026-11-30") == ["reminder:2026-11:due"]
    assert names("2026-12-01") == []


def test_occasion_of_rights_is_of_three_months_before() -> None:
    """CNSS's word until the end of November means paid through August: September keeps them."""
    occasion = occasion_of(CALENDAR, "rights", Month(2026, 11))
    assert occasion
    assert (occasion.keeps, occasion.pays) == (Month(2026, 8), Month(2026, 9))
    assert (occasion.kept_from, occasion.covered_from) == (date(2026, 11, 1), date(2026, 12, 1))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('opens: "9:00"', 'opens: "20:00"', "closes before it opens"),
        ("2026-02-19", "2024-02-19", "does not come after"),
        ("days_before: 7", "days_before: -7", "greater than or equal to 0"),
        ("closed_weekdays: [sunday]", "closed_weekdays: [someday]", "closed_weekdays"),
        ('source: "decree', 'sourced: "decree', "source"),
    ],
)
def test_read_calendar_refuses_a_wrong_file(
    tmp_path: Path, before: str, after: str, why: str
) -> None:
    written = SHIPPED.read_text("utf-8")
    assert before in written
    file = tmp_path / "calendar.yaml"
    file.write_text(written.replace(before, after, 1), "utf-8")
    with pytest.raises(CalendarWrong) as wrong:
        read_calendar(file)
    assert why in wrong.value.params["why"]
