"""What messages cost, by the price of their day, and how they fared."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from app.base.clock import local_midnight
from app.enrolment.queries import region_by_phone
from app.messaging.costs import GROUPS, CostRequest, Costs, count_costs
from app.messaging.errors import PricesWrong
from app.messaging.prices import Prices, read_prices
from tests.messaging.stored_messages import insert_message

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRICES = """
log:
  - {from: 2025-01-01, mad: "0.0033", sure: H, source: test}
  - {from: 2026-11-24, mad: "0.4801", sure: H, source: test}
twilio:
  - {from: 2026-11-01, mad: "1.15", sure: H, source: test}
"""


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    return read_prices(path)


def costs(
    engine: Engine, prices: Prices, first: date = DAY, last: date | None = None, **other: Any
) -> Costs:
    with engine.begin() as connection:
        request = CostRequest(first, last or DAY, region_by_phone(), **other)
        return count_costs(connection, prices, request)


def add_artisan(engine: Engine, rna: str, phone: str, region: str | None) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO artisan (rna_number, full_name, birth_date, phone, language, category,"
                " region, rights_as_of) VALUES (:rna, 'A', '1980-01-01', :phone, 'fr', 'A',"
                " :region, '2026-11-01')"
            ),
            {"rna": rna, "phone": phone, "region": region},
        )


def test_count_costs_without_messages_is_zero(engine: Engine, prices: Prices) -> None:
    counted = costs(engine, prices)
    assert counted.lines == []
    assert (counted.total.messages, str(counted.total.cost)) == (0, "0.00")
    assert counted.total.delivered_share is counted.total.median_seconds is None


@pytest.mark.parametrize(
    ("day", "begins_at", "hours"),
    [
        (date(2025, 7, 10), 23, 24),  # UTC+1: a day of UTC would count others
        (date(2025, 2, 23), 23, 25),  # the clock goes back for Ramadan
        (date(2025, 4, 6), 0, 23),  # and forward after it
    ],
)
def test_count_costs_counts_days_of_morocco(
    engine: Engine, prices: Prices, day: date, begins_at: int, hours: int
) -> None:
    begin = local_midnight(day)
    end = begin + timedelta(hours=hours)
    assert begin.hour == begins_at
    for moment in (begin - timedelta(seconds=1), begin, end - timedelta(seconds=1), end):
        insert_message(engine, moment)
    assert costs(engine, prices, day, day).total.messages == 2
    assert costs(engine, prices, day, day + timedelta(days=1)).total.messages == 3


def test_count_costs_uses_the_price_of_each_message_s_day(engine: Engine, prices: Prices) -> None:
    insert_message(engine, NOON, segments=2)
    insert_message(engine, local_midnight(date(2026, 11, 24)), segments=3)
    insert_message(engine, NOON, provider="twilio")
    counted = costs(engine, prices, last=date(2026, 11, 24), by=("provider",))
    assert [(line.group["provider"], line.segments, str(line.cost)) for line in counted.lines] == [
        ("log", 5, "1.45"),  # 2 x 0.0033 + 3 x 0.4801 = 1.4469
        ("twilio", 1, "1.15"),
    ]
    assert (counted.total.segments, str(counted.total.cost)) == (6, "2.60")


def test_count_costs_rounds_once_at_the_end(engine: Engine, prices: Prices) -> None:
    """Fifty times a third of a centime are 16.5 centimes: half up, once."""
    for _ in range(50):
        insert_message(engine, NOON)
    assert str(costs(engine, prices).total.cost) == "0.17"


def test_count_costs_counts_every_copy(engine: Engine, prices: Prices) -> None:
    insert_message(engine, NOON, provider="twilio", segments=2, resent_unknown=2)
    total = costs(engine, prices).total
    assert (total.messages, total.segments, total.resent_unknown) == (1, 6, 2)
    assert str(total.cost) == "6.90"


@pytest.mark.parametrize("state", ["sent", "unknown", "delivered", "failed", "unreported"])
def test_count_costs_counts_every_accepted_state(
    engine: Engine, prices: Prices, state: str
) -> None:
    insert_message(engine, NOON, state, provider="twilio")
    total = costs(engine, prices).total
    assert (total.messages, str(total.cost)) == (1, "1.15")
    assert total.delivered_share == (1.0 if state == "delivered" else 0.0)
    assert (total.failed, total.unreported) == (state == "failed", state == "unreported")


def test_count_costs_charges_nothing_for_what_no_provider_took(
    engine: Engine, prices: Prices
) -> None:
    insert_message(
        engine, None, "failed", created_at=NOON, provider=None, segments=2, resent_unknown=1
    )
    insert_message(engine, None, "cancelled", created_at=NOON)
    insert_message(engine, None, "queued", created_at=NOON)
    total = costs(engine, prices).total
    assert (total.messages, total.segments, total.not_taken, total.failed) == (0, 0, 1, 0)
    assert (str(total.cost), total.resent_unknown) == ("0.00", 0)


def test_count_costs_takes_share_and_median_of_the_delivered(
    engine: Engine, prices: Prices
) -> None:
    for seconds in (2, 4, 30, 600):
        insert_message(engine, NOON, seconds=seconds)
    insert_message(engine, NOON, "failed", seconds=9000)
    total = costs(engine, prices).total
    assert total.delivered_share == pytest.approx(0.8)
    assert total.median_seconds == pytest.approx(17)


def test_count_costs_counts_a_phone_of_two_regions_once(engine: Engine, prices: Prices) -> None:
    """The first in the register gives the region; a phone of nobody and of no region is '-'."""
    add_artisan(engine, "1", "+212600000001", "Souss")
    add_artisan(engine, "2", "+212600000001", "Fes")
    add_artisan(engine, "3", "+212600000003", None)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO artisan_phone (phone, artisan_id, identified_at)"
                " SELECT number, id, now() FROM artisan,"
                " (VALUES ('+212600000001'), ('+212600000002')) AS given (number)"
                " WHERE rna_number = '2'"
            )
        )
    for number in (1, 2, 3, 4):
        insert_message(engine, NOON, phone=f"+21260000000{number}")
    counted = costs(engine, prices, by=("region",))
    assert [(line.group["region"], line.messages) for line in counted.lines] == [
        ("-", 2),
        ("Fes", 1),
        ("Souss", 1),
    ]
    assert counted.total.messages == 4


def test_count_costs_lines_add_up_to_the_total(engine: Engine, prices: Prices) -> None:
    for number in range(24):
        insert_message(
            engine,
            NOON,
            ("delivered", "failed", "unreported")[number % 3],
            kind=("receipt", "code")[number % 2],
            language=("fr", "ar", "zgh")[number % 3],
            provider=("log", "twilio")[number % 4 // 2],
            segments=1 + number % 2,
        )
    counted = costs(engine, prices)
    for figure in ("messages", "segments", "delivered", "failed", "unreported"):
        whole = sum(getattr(line, figure) for line in counted.lines)
        assert whole == getattr(counted.total, figure) > 0
    assert {tuple(line.group) for line in counted.lines} == {GROUPS}
    assert len(counted.lines) == 12


def test_count_costs_names_a_provider_without_a_price(engine: Engine, prices: Prices) -> None:
    insert_message(engine, NOON, provider="pigeon")
    with pytest.raises(PricesWrong, match="pigeon: no price"):
        costs(engine, prices, by=("kind",))


def test_count_costs_refuses_a_day_before_the_first_price(engine: Engine, prices: Prices) -> None:
    insert_message(engine, datetime(2026, 10, 1, tzinfo=UTC), provider="twilio")
    with pytest.raises(PricesWrong, match="twilio: no price"):
        costs(engine, prices, date(2026, 10, 1))


def run(app: Flask, *options: str, code: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["sms", "report", *options])
    assert result.exit_code == code, result.output
    return result.output


COMMAND = ("--from", "2026-11-23", "--to", "2026-11-23")


def test_report_command_writes_json(app: Flask, engine: Engine) -> None:
    insert_message(engine, NOON, seconds=4)
    insert_message(engine, NOON, "failed", provider="africastalking", segments=3)
    counted = json.loads(run(app, *COMMAND, "--by", "provider", "--json"))
    assert counted == {
        "from": "2026-11-23",
        "to": "2026-11-23",
        "by": ["provider"],
        "lines": [
            {"provider": "africastalking"} | figures(1, 3, "1.44", 0, 0.0, None, failed=1),
            {"provider": "log"} | figures(1, 1, "0.00", 1, 1.0, 4.0),
        ],
        "total": figures(2, 4, "1.44", 1, 0.5, 4.0, failed=1),
    }


def figures(
    messages: int,
    segments: int,
    dirhams: str,
    delivered: int,
    share: float | None,
    median: float | None,
    failed: int = 0,
) -> dict[str, Any]:
    return {
        "messages": messages,
        "segments": segments,
        "dirhams": dirhams,
        "delivered": delivered,
        "delivered_share": share,
        "median_seconds": median,
        "failed": failed,
        "not_taken": 0,
        "unreported": 0,
        "resent_unknown": 0,
    }


def test_report_command_prints_a_whole_table_in_a_pipe(app: Flask, engine: Engine) -> None:
    """Every figure on one line with its group: nothing folded, nothing cut."""
    add_artisan(engine, "1", "+212600000001", "Laayoune-Sakia El Hamra")
    insert_message(engine, NOON, provider="africastalking", language="ary-Latn", segments=2)
    lines = run(app, *COMMAND).splitlines()
    rows = [re.split(" {2,}", line.strip()) for line in lines if "Laayoune" in line]
    assert rows == [
        [
            "receipt",
            "africastalking",
            "ary-Latn",
            "Laayoune-Sakia El Hamra",
            "1",
            "2",
            "0.96",
            "100.0%",
            "10 s",
            "0",
            "0",
            "0",
            "0",
        ]
    ]
    assert any("all" in line and "0.96" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ("--from", "2026-02-30", "--to", "2026-03-01"),
            "'2026-02-30' is not a day of the calendar",
        ),
        (("--from", "23/11/2026", "--to", "2026-11-23"), "is not a day written YYYY-MM-DD"),
        (("--from", "2026-11-23", "--to", "2026-11-22"), "2026-11-22 is before --from"),
        (("--from", "0001-01-01", "--to", "9999-12-31"), "0001-01-01 is not from 1900 to 2999"),
        ((*COMMAND, "--by", "kind,colour"), "'colour' is none of kind, provider"),
        (("--from", "2026-11-23"), "Missing option '--to'"),
    ],
)
def test_report_command_refuses_bad_options(
    app: Flask, options: tuple[str, ...], reason: str
) -> None:
    assert reason in run(app, *options, code=2)


def test_report_command_names_a_provider_without_a_price(app: Flask, engine: Engine) -> None:
    insert_message(engine, NOON, provider="pigeon")
    assert "pigeon: no price for the day" in run(app, *COMMAND, code=1)
