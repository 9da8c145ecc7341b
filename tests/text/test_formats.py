"""Values as a phone shows them: the contract's writing, and nothing that nobody sees."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.money import Money
from app.base.months import Month
from app.text.encoding import GSM7, encoding_of
from app.text.formats import FORMATS, write_value
from app.text.languages import LANGUAGES

CODES = st.sampled_from(list(LANGUAGES))
MONEY = st.integers(0, 10**10).map(Money)
DAYS = st.dates(date(2021, 1, 1), date(2099, 12, 31))
unhurried = settings(deadline=None)


@pytest.mark.parametrize(
    ("form", "value", "language", "expected"),
    [
        ("money", Money(16352), "fr", "163,52 DH"),
        ("money", Money(16352), "ary-Latn", "163,52 DH"),
        ("money", Money(16352), "ar", "163.52 درهم"),
        ("money", Money(5), "fr", "0,05 DH"),
        ("money", Money(100566), "fr", "1005,66 DH"),
        ("money", Money(100566), "ar", "1005.66 درهم"),
        ("day", date(2026, 3, 1), "ar", "01/03/2026"),
        ("short", date(2026, 3, 1), "fr", "01/03"),
        ("month", Month(2026, 3), "fr", "03/2026"),
        ("my", Month(2026, 3), "ar", "03/26"),
        ("code", "482173059614", "ar", "4821 7305 9614"),
        # A clock in Morocco is one hour ahead in 2025, and in Ramadan it is not.
        ("moment", datetime(2025, 11, 30, 22, 59, 59, tzinfo=UTC), "fr", "30/11 23:59"),
        ("moment", datetime(2025, 11, 30, 23, 0, tzinfo=UTC), "fr", "01/12 00:00"),
        ("moment", datetime(2025, 3, 10, 12, 0, tzinfo=UTC), "ar", "10/03 12:00"),
    ],
)
def test_formats_write_as_the_contract_says(
    form: str, value: object, language: str, expected: str
) -> None:
    assert FORMATS[form](value, language) == expected


def test_write_value_writes_by_type() -> None:
    now = datetime(2025, 11, 23, 10, 0, tzinfo=UTC)
    values = [Money(16352), Month(2026, 11), now, now.date(), "W-RABAT-01", 4]
    shown = [write_value(value, "fr") for value in values]
    assert shown == ["163,52 DH", "11/2026", "23/11 11:00", "23/11/2025", "W-RABAT-01", "4"]


@unhurried
@given(MONEY, DAYS, st.from_regex(r"[1-9][0-9]{11}", fullmatch=True), CODES)
def test_formats_write_ordinary_digits_and_spaces_only(
    amount: Money, day: date, code: str, lang: str
) -> None:
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    values = {
        "money": amount,
        "day": day,
        "short": day,
        "moment": moment,
        "month": Month.of(day),
        "my": Month.of(day),
        "code": code,
    }
    assert set(values) == set(FORMATS)
    for form, value in values.items():
        shown = FORMATS[form](value, lang)
        assert not any(unicodedata.category(c) in {"Cf", "Cc", "Zl", "Zp"} for c in shown)
        assert {c for c in shown if c.isspace()} <= {" "}
        assert all(c in "0123456789" for c in shown if c.isdecimal())
        if LANGUAGES[lang].keeps_to_gsm7:
            assert encoding_of(shown) == GSM7


@unhurried
@given(MONEY, CODES)
def test_money_keeps_every_centime(amount: Money, lang: str) -> None:
    number = FORMATS["money"](amount, lang).split(" ")[0].replace(",", ".")
    assert Money.parse(number) == amount
