"""Contributions by the table of docs/rules.md, and cases worked out by hand."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.months import Month, months_between
from app.contributions import rules
from app.contributions.errors import NotCollectedHere
from app.contributions.rules import Quote

from .rates_files import rates_with

A = Decimal("0.75")


def make_quote(coefficient: str, first: str, last: str, on: str) -> Quote:
    periods = tuple(months_between(Month.parse(first), Month.parse(last)))
    return rules.quote(Decimal(coefficient), periods, date.fromisoformat(on))


def penalties(quote: Quote) -> list[str]:
    return [str(line.penalty) for line in quote.lines]


@pytest.mark.parametrize(
    ("coefficient", "first", "last", "on", "amount", "penalty", "total"),
    [
        # docs/rules.md, Amount
        ("0.75", "2022-03", "2022-03", "2022-03-25", "135.14", "0.00", "135.14"),
        ("0.75", "2022-09", "2022-09", "2022-10-15", "141.89", "1.42", "143.31"),
        ("0.75", "2025-01", "2025-01", "2025-01-31", "156.04", "0.00", "156.04"),
        ("0.75", "2026-06", "2026-11", "2026-11-23", "981.12", "24.54", "1005.66"),
        ("0.75", "2025-01", "2026-06", "2026-11-23", "2853.60", "266.48", "3120.08"),
        ("1", "2026-01", "2026-01", "2026-03-20", "218.03", "4.36", "222.39"),
        # paid before it is due, and before the month begins
        ("0.75", "2026-12", "2027-02", "2026-11-23", "490.56", "0.00", "490.56"),
        # one late month in each of two years: 1.4865 rounded twice, not 2.973 once
        ("0.75", "2023-11", "2023-11", "2024-01-10", "148.65", "2.98", "151.63"),
        # the year turns on 1 January: November has two late months, December one
        ("0.75", "2025-11", "2025-12", "2025-12-31", "312.08", "1.56", "313.64"),
        ("0.75", "2025-11", "2025-12", "2026-01-01", "312.08", "4.68", "316.76"),
        # February ends on the 29th in a leap year; ten late months are 14.865, half goes up
        ("0.75", "2024-02", "2024-02", "2024-02-29", "148.65", "0.00", "148.65"),
        ("0.75", "2024-02", "2024-02", "2024-03-01", "148.65", "1.49", "150.14"),
        ("0.75", "2024-02", "2024-02", "2024-12-15", "148.65", "14.87", "163.52"),
        ("0.75", "2025-02", "2025-02", "2025-02-28", "156.04", "0.00", "156.04"),
        ("0.75", "2025-02", "2025-02", "2025-03-01", "156.04", "1.56", "157.60"),
        # this year's cap is the contribution of the month of payment, which September raised
        ("0.75", "2021-01", "2022-07", "2022-08-31", "2567.66", "224.33", "2791.99"),
        ("0.75", "2021-01", "2022-07", "2022-09-01", "2567.66", "231.08", "2798.74"),
        # ... and is December's once the year is over
        ("0.75", "2021-01", "2022-07", "2023-01-31", "2567.66", "256.73", "2824.39"),
        # 11% in the first year, 12% in each of ten, 1% on the day the last begins
        ("0.75", "2026-01", "2026-01", "2037-01-01", "163.52", "215.83", "379.35"),
        # category C
        ("2", "2026-01", "2026-01", "2026-02-01", "436.05", "4.36", "440.41"),
        ("3", "2026-01", "2026-01", "2026-02-01", "654.08", "6.54", "660.62"),
        ("3.2", "2022-03", "2022-03", "2022-03-31", "576.60", "0.00", "576.60"),
        ("4", "2026-01", "2026-01", "2026-02-01", "872.11", "8.72", "880.83"),
        ("5", "2026-01", "2026-01", "2026-02-01", "1090.14", "10.90", "1101.04"),
        ("6", "2026-01", "2026-01", "2026-02-01", "1308.16", "13.08", "1321.24"),
    ],
)
def test_quote_gives_amount_penalty_and_total(
    coefficient: str, first: str, last: str, on: str, amount: str, penalty: str, total: str
) -> None:
    quote = make_quote(coefficient, first, last, on)
    assert [str(quote.amount), str(quote.penalty), str(quote.total)] == [amount, penalty, total]


@pytest.mark.parametrize(
    ("month", "amount"),
    [
        ("2021-12", "135.14"),
        ("2022-08", "135.14"),
        ("2022-09", "141.89"),
        ("2023-08", "141.89"),
        ("2023-09", "148.65"),
        ("2024-12", "148.65"),
        ("2025-01", "156.04"),
        ("2025-12", "156.04"),
        ("2026-01", "163.52"),
        ("2031-05", "163.52"),
    ],
)
def test_monthly_amount_of_category_a_follows_the_minimum_wage(month: str, amount: str) -> None:
    assert str(rules.monthly_amount(A, Month.parse(month))) == amount


def test_oldest_contributions_use_up_the_penalty_cap() -> None:
    # In 2026 each month of 2025 accrues 17.16: nine fit under 163.52, the tenth gets 9.08.
    assert penalties(make_quote("0.75", "2025-01", "2026-06", "2026-11-23")) == [
        *("34.32", "32.76", "31.20", "29.64", "28.08", "26.52", "24.96", "23.40", "21.84"),
        *("12.20", "1.56", "0.00"),
        *("0.00",) * 6,
    ]


def test_month_left_out_makes_room_under_the_penalty_cap() -> None:
    everything = make_quote("0.75", "2025-01", "2025-12", "2026-11-23")
    without_oldest = make_quote("0.75", "2025-02", "2025-12", "2026-11-23")
    # 163.52 less nine times 17.16 left 9.08 for the tenth month; now it gets 17.16 of it.
    assert penalties(everything)[9] == "12.20"
    assert penalties(without_oldest)[8:] == ["20.28", "10.64", "0.00"]


def test_quote_has_a_line_for_each_month() -> None:
    quote = make_quote("0.75", "2024-01", "2024-02", "2024-02-29")
    assert quote.months == (Month(2024, 1), Month(2024, 2))
    assert [line.due_on for line in quote.lines] == [date(2024, 1, 31), date(2024, 2, 29)]
    assert [str(line.total) for line in quote.lines] == ["150.14", "148.65"]


def test_quote_takes_months_that_are_not_neighbours() -> None:
    quote = rules.quote(A, [Month(2026, 1), Month(2026, 9)], date(2026, 11, 23))
    assert penalties(quote) == ["16.35", "3.27"]


def test_quote_of_no_months_is_zero() -> None:
    assert rules.quote(A, (), date(2026, 11, 23)).total == Money(0)


@pytest.mark.parametrize(
    ("periods", "on", "what"),
    [
        (["2026-02", "2026-01"], "2026-11-23", "periods"),
        (["2026-01", "2026-01"], "2026-11-23", "periods"),
        (["1899-12"], "1900-01-01", "periods"),
        (["2999-12", "3000-01"], "2999-12-31", "periods"),
        (["1976-10", "2026-11"], "2026-11-23", "periods"),
        (["1976-10"], "2026-11-23", "on"),
        (["2076-12"], "2026-11-23", "on"),
    ],
)
def test_quote_refuses_months_out_of_order_or_too_far_apart(
    periods: list[str], on: str, what: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.quote(A, [Month.parse(text) for text in periods], date.fromisoformat(on))
    assert refused.value.params["what"] == what


@pytest.mark.parametrize("coefficient", ["0", "-1", "6.01", "NaN", "sNaN", "Infinity"])
def test_monthly_amount_refuses_a_coefficient_outside_the_scale(coefficient: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.monthly_amount(Decimal(coefficient), Month(2026, 1))
    assert refused.value.params["what"] == "coefficient"


@pytest.mark.parametrize(
    ("day", "months_after", "due", "counts"),
    [
        # the due date, then the days on which one, two and three late months begin
        ("last", 0, "2026-01-31", ["2026-02-01", "2026-03-01", "2026-04-01"]),
        ("last", 1, "2026-02-28", ["2026-03-01", "2026-04-01", "2026-05-01"]),
        (10, 1, "2026-02-10", ["2026-02-11", "2026-03-11", "2026-04-11"]),
        (30, 0, "2026-01-30", ["2026-01-31", "2026-03-01", "2026-03-31"]),
        (31, 1, "2026-02-28", ["2026-03-01", "2026-04-01", "2026-05-01"]),
    ],
)
def test_due_on_follows_another_due_day(
    tmp_path: Path, day: object, months_after: int, due: str, counts: list[str]
) -> None:
    rates = rates_with(tmp_path, due={"months_after": months_after, "day": day})
    assert rules.due_on(Month(2026, 1), rates) == date.fromisoformat(due)
    for begun, start in enumerate(counts, 1):
        first = date.fromisoformat(start)
        before = rules.quote(A, [Month(2026, 1)], date.fromordinal(first.toordinal() - 1), rates)
        after = rules.quote(A, [Month(2026, 1)], first, rates)
        assert str(before.penalty) == ["0.00", "1.64", "3.27"][begun - 1]
        assert str(after.penalty) == ["1.64", "3.27", "4.91"][begun - 1]


@pytest.mark.parametrize(
    ("day", "quotes"),
    [
        ("last", {"2026-02-28": "0.00", "2026-03-01": "1.64", "2026-04-01": "3.27"}),
        (30, {"2026-01-31": "0.00", "2026-02-28": "0.00", "2026-03-01": "1.64"}),
        (30, {"2026-03-30": "1.64", "2026-03-31": "3.27", "2026-04-30": "3.27"}),
    ],
)
def test_penalty_counts_only_complete_months_when_the_rate_says_so(
    tmp_path: Path, day: object, quotes: dict[str, str]
) -> None:
    due = {"months_after": 0, "day": day}
    rates = rates_with(tmp_path, penalty_counts="complete", due=due)
    for on, penalty in quotes.items():
        quote = rules.quote(A, [Month(2026, 1)], date.fromisoformat(on), rates)
        assert str(quote.penalty) == penalty


def test_monthly_amount_follows_another_rounding(tmp_path: Path) -> None:
    rates = rates_with(tmp_path, rounding="half_even")
    quote = rules.quote(A, [Month(2024, 2)], date(2024, 12, 15), rates)
    assert str(quote.penalty) == "14.86"


@pytest.mark.parametrize(
    ("over", "contributions", "expected"),
    [
        ("all", 1, ["163.52", "0.00"]),
        ("each", 1, ["163.52", "163.52"]),
        ("all", "1.5", ["179.87", "65.41"]),
    ],
)
def test_penalty_follows_another_cap(
    tmp_path: Path, over: str, contributions: object, expected: list[str]
) -> None:
    # At 10% a month January accrues 110% in 2026, 179.87; February 163.52.
    rates = rates_with(
        tmp_path,
        penalty_percent=10,
        penalty_cap_over=over,
        penalty_cap_contributions=contributions,
    )
    quote = rules.quote(A, [Month(2026, 1), Month(2026, 2)], date(2026, 12, 31), rates)
    assert penalties(quote) == expected


@pytest.mark.parametrize(
    ("periods", "on", "days", "last"),
    [
        (["2026-11"], "2026-11-23", 6, "2026-11-29"),
        (["2026-11"], "2026-11-23", 7, "2026-11-30"),
        (["2026-11"], "2026-11-23", 8, "2026-11-30"),
        (["2026-11"], "2026-11-30", 7, "2026-11-30"),
        (["2026-12"], "2026-11-23", 30, "2026-12-23"),
        (["2026-11"], "2026-11-23", 0, "2026-11-23"),
        ([], "2026-11-23", 7, "2026-11-30"),
    ],
)
def test_last_unchanged_day_is_the_day_before_the_total_moves(
    periods: list[str], on: str, days: int, last: str
) -> None:
    months = [Month.parse(text) for text in periods]
    day = rules.last_unchanged_day(A, months, date.fromisoformat(on), days)
    assert day == date.fromisoformat(last)


def test_last_unchanged_day_under_a_full_cap_is_the_last_of_the_year() -> None:
    months = list(months_between(Month(2024, 12), Month(2026, 8)))
    assert rules.last_unchanged_day(A, months, date(2026, 11, 23), 90) == date(2026, 12, 31)


def test_last_unchanged_day_ends_with_the_month_when_the_cap_changes(tmp_path: Path) -> None:
    rates = rates_with(tmp_path, due={"months_after": 0, "day": 10})
    months = list(months_between(Month(2021, 1), Month(2022, 7)))
    assert rules.last_unchanged_day(A, months, date(2022, 8, 20), 30, rates) == date(2022, 8, 31)


def test_last_unchanged_day_refuses_negative_days() -> None:
    with pytest.raises(InvalidInput):
        rules.last_unchanged_day(A, [], date(2026, 11, 23), -1)


def test_months_without_leaves_out_settled_months() -> None:
    settled = {Month(2025, 12), Month(2026, 2), Month(2027, 1)}
    assert rules.months_without(settled, Month(2025, 11), Month(2026, 3)) == (
        Month(2025, 11),
        Month(2026, 1),
        Month(2026, 3),
    )
    assert rules.months_without(settled, Month(2026, 4), Month(2026, 3)) == ()


def test_is_collected_here_is_true_for_a_and_c_alone() -> None:
    assert [rules.is_collected_here(letter) for letter in "ABCD"] == [True, False, True, False]
    with pytest.raises(InvalidInput):
        rules.is_collected_here("E")


def test_coefficient_of_gives_each_category_its_coefficient() -> None:
    assert rules.coefficient_of("A", None) == A
    assert rules.coefficient_of("A", Decimal(3)) == A
    for coefficient in ("1", "3.2", "6"):
        assert rules.coefficient_of("C", Decimal(coefficient)) == Decimal(coefficient)


@pytest.mark.parametrize("coefficient", [None, "0.75", "6.5", "0", "-2", "NaN", "Infinity"])
def test_coefficient_of_category_c_must_be_of_its_scale(coefficient: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.coefficient_of("C", None if coefficient is None else Decimal(coefficient))
    assert refused.value.params["what"] == "coefficient"


@pytest.mark.parametrize(
    ("category", "collector"), [("B", "tax_administration"), ("D", "auto_entrepreneur_tax")]
)
def test_coefficient_of_refuses_a_category_paid_elsewhere(category: str, collector: str) -> None:
    with pytest.raises(NotCollectedHere) as elsewhere:
        rules.coefficient_of(category, Decimal(1))
    assert elsewhere.value.params == {"category": category, "collector": collector}


@pytest.mark.parametrize(
    ("tax", "duty"),
    [
        ("0", "300.00"),
        ("499.99", "300.00"),
        ("500", "390.00"),
        ("1000", "390.00"),
        ("1000.01", "570.00"),
        ("2500", "570.00"),
        ("5000", "720.00"),
        ("10000", "1050.00"),
        ("25000", "1500.00"),
        ("50000", "2250.00"),
        ("50000.01", "3600.00"),
    ],
)
def test_quarterly_duty_follows_the_band_of_the_annual_tax(tax: str, duty: str) -> None:
    assert str(rules.quarterly_duty(Money.parse(tax), Month(2026, 11))) == duty


def test_quarterly_duty_refuses_a_negative_tax() -> None:
    with pytest.raises(InvalidInput):
        rules.quarterly_duty(Money(-1), Month(2026, 11))


def test_code_validity_is_seven_days() -> None:
    assert rules.code_validity_days(Month(2026, 11)) == 7
