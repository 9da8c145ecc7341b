"""`flask contributions quote`, as a person and as a program read its output."""

import json
from datetime import date
from decimal import Decimal

import pytest
from click.testing import CliRunner, Result

from app.base.clock import local_date, utc_now
from app.base.months import Month
from app.cli.contributions import contributions
from app.contributions import rules


def quote(words: str) -> Result:
    return CliRunner().invoke(contributions, ["quote", *words.split()])


def test_quote_as_json_writes_money_with_two_decimals() -> None:
    result = quote("--category A --from 2026-10 --to 2026-11 --on 2026-11-23 --json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "lines": [
            {"period": "2026-10", "due_on": "2026-10-31", "amount": "163.52", "penalty": "1.64"},
            {"period": "2026-11", "due_on": "2026-11-30", "amount": "163.52", "penalty": "0.00"},
        ],
        "amount": "327.04",
        "penalty": "1.64",
        "total": "328.68",
    }
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("words", "total"),
    [
        ("--category A --from 2022-03 --to 2022-03 --on 2022-03-25", "135.14"),
        ("--category A --coefficient 0.75 --from 2026-06 --to 2026-11 --on 2026-11-23", "1005.66"),
        ("--category a --coefficient 0.750 --from 2025-01 --to 2026-06 --on 2026-11-23", "3120.08"),
        ("--category C --coefficient 1 --from 2026-01 --to 2026-01 --on 2026-03-20", "222.39"),
        ("--category c --coefficient 3.2 --from 2022-03 --to 2022-03 --on 2022-03-25", "576.60"),
    ],
)
def test_quote_adds_up_amounts_and_penalties(words: str, total: str) -> None:
    result = quote(f"{words} --json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["total"] == total


def test_quote_as_a_table_shows_each_month_and_the_sum() -> None:
    result = quote("--category A --from 2026-10 --to 2026-11 --on 2026-11-23")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["month", "due", "on", "amount", "penalty", "total"],
        ["2026-10", "2026-10-31", "163.52", "1.64", "165.16"],
        ["2026-11", "2026-11-30", "163.52", "0.00", "163.52"],
        ["all", "327.04", "1.64", "328.68"],
    ]
    assert len({len(line) for line in result.stdout.splitlines()}) == 1


def test_quote_is_for_today_in_casablanca_without_a_day() -> None:
    def today() -> str:
        day: date = local_date(utc_now())
        return str(rules.quote(Decimal("0.75"), [Month(2026, 1)], day).total)

    before = today()
    result = quote("--category A --from 2026-01 --to 2026-01 --json")
    assert json.loads(result.stdout)["total"] in {before, today()}


@pytest.mark.parametrize(
    ("category", "collector", "word"),
    [
        ("B", "tax_administration", "single professional contribution (CPU)"),
        ("d", "auto_entrepreneur_tax", "auto-entrepreneur tax"),
    ],
)
def test_quote_of_a_category_paid_elsewhere_names_the_place(
    category: str, collector: str, word: str
) -> None:
    words = f"--category {category} --from 2026-06 --to 2026-06 --on 2026-11-23"
    plain, machine = quote(words), quote(f"{words} --json")
    assert plain.exit_code == machine.exit_code == 1
    assert plain.stdout == ""
    assert word in plain.stderr
    assert plain.stderr == machine.stderr
    assert len(plain.stderr.splitlines()) == 1
    assert json.loads(machine.stdout) == {
        "error": {
            "code": "not_collected_here",
            "category": category.upper(),
            "collector": collector,
            "message": plain.stderr.strip(),
        }
    }


@pytest.mark.parametrize(
    ("words", "option", "why"),
    [
        ("--category A --from 2026-07 --to 2026-06", "--to", "before --from 2026-07"),
        ("--category A --from 2026-13 --to 2026-06", "--from", "'2026-13' is not a month"),
        ("--category A --from 1/2026 --to 2026-06", "--from", "'1/2026' is not a month"),
        ("--category A --from 2026-01 --to 2026-1", "--to", "'2026-1' is not a month"),
        ("--category A --from 0000-01 --to 2026-01", "--from", "not a month"),
        ("--category A --from ٢٠٢٦-01 --to 2026-01", "--from", "not a month"),
        ("--category A --from 1970-01 --to 2026-06", "--from", "more than 50 years"),
        ("--category A --from 0001-01 --to 9999-12", "--from", "not from 1900 to 2999"),
        ("--category A --from 9999-12 --to 9999-12", "--to", "not from 1900 to 2999"),
        ("--category A --from 2026-01 --to 2026-01 --on 2090-01-01", "--on", "50 years"),
        ("--category A --from 2026-01 --to 2026-01 --on 2026-02-29", "--on", "calendar"),
        ("--category A --from 2026-01 --to 2026-01 --on 20260228", "--on", "YYYY-MM-DD"),
        ("--category A --from 2026-01 --to 2026-01 --on today", "--on", "YYYY-MM-DD"),
        ("--category E --from 2026-01 --to 2026-01", "--category", "A, B, C, D"),
        ("--from 2026-01 --to 2026-01", "--category", "Missing"),
        ("--category A --to 2026-01", "--from", "Missing"),
        ("--category A --from 2026-01", "--to", "Missing"),
        ("--category C --from 2026-01 --to 2026-01", "--coefficient", "from 1 to 6"),
        ("--category A --coefficient 1 --from 2026-01 --to 2026-01", "--coefficient", "0.75"),
        *(
            (f"--category C --coefficient {text} --from 2026-01 --to 2026-01", "--coefficient", why)
            for text, why in [
                ("0.75", "from 1 to 6"),
                ("6.01", "from 1 to 6"),
                *((bad, f"'{bad}' is not a number above 0") for bad in ["0", "0.00", "-1", "1,5"]),
                *((bad, f"'{bad}' is not a number above 0") for bad in ["nan", "Infinity", "1e0"]),
                ("١", "is not a number above 0"),
            ]
        ),
    ],
)
def test_quote_of_bad_input_names_the_option(words: str, option: str, why: str) -> None:
    for format_ in ("", " --json"):
        result = quote(words + format_)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert option in result.stderr.splitlines()[-1]
        assert why in result.stderr
        assert "Traceback" not in result.output
