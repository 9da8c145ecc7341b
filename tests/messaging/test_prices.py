"""The price list: dated, whole, and refused with a reason where it is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app import create_app
from app.messaging.errors import PricesWrong
from app.messaging.prices import dearest_on, entry_on, price_on, read_prices
from app.runtime import Runtime
from app.settings import Settings
from app.sms.registry import PROVIDERS

GOOD = '{from: 2025-01-01, mad: "0.48", sure: M, source: a contract}'
LATER = '{from: 2026-07-01, mad: "0.5125", sure: H, source: a newer one}'


def write(folder: Path, content: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_shipped_prices_name_every_provider() -> None:
    shipped = read_prices()
    assert set(shipped) == set(PROVIDERS)
    assert price_on(shipped, "africastalking", date(2026, 11, 23)) == Decimal("0.48")


def test_price_on_holds_from_its_day_until_the_next(tmp_path: Path) -> None:
    prices = read_prices(write(tmp_path, f"log:\n  - {GOOD}\n  - {LATER}\n"))
    days = (date(2025, 1, 1), date(2026, 6, 30), date(2026, 7, 1), date(2030, 1, 1))
    found = [price_on(prices, "log", day) for day in days]
    assert found == [Decimal("0.48")] * 2 + [Decimal("0.5125")] * 2
    assert entry_on(prices, "log", days[-1]).sure == "H"


@pytest.mark.parametrize("provider", ["log", "pigeon"])
def test_price_on_names_a_provider_without_a_price(tmp_path: Path, provider: str) -> None:
    prices = read_prices(write(tmp_path, f"log:\n  - {GOOD}\n"))
    with pytest.raises(PricesWrong, match=f"{provider}: no price on 2024-12-31"):
        price_on(prices, provider, date(2024, 12, 31))


def test_dearest_on_is_of_the_configured_providers(tmp_path: Path) -> None:
    prices = read_prices(write(tmp_path, f"a:\n  - {GOOD}\nb:\n  - {LATER}\n"))
    assert dearest_on(prices, ("a", "b"), date(2026, 7, 1)) == Decimal("0.5125")
    with pytest.raises(PricesWrong, match="b: no price"):
        dearest_on(prices, ("a", "b"), date(2026, 6, 30))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "the file: Input should be a valid dictionary"),
        ("{}", "the file: Dictionary should have at least 1 item"),
        ("log: []", "log: Tuple should have at least 1 item"),
        ("log: 0.48", "log: Input should be a valid tuple"),
        ("log: [", "while parsing"),
        (f"log:\n  - {LATER}\n  - {GOOD}\n", "log: 2025-01-01 does not come after 2026-07-01"),
        (f"log:\n  - {GOOD}\n  - {GOOD}\n", "log: 2025-01-01 does not come after 2025-01-01"),
        (f"log:\n  - {GOOD}\nlog:\n  - {LATER}\n", "written twice: log"),
        (f"log:\n  - {GOOD.replace('0.48', '-1')}", "log.0.mad: Input should be greater than"),
        (f"log:\n  - {GOOD.replace('0.48', '0.48001')}", "log.0.mad: Decimal input should have no"),
        (f"log:\n  - {GOOD.replace('0.48', '0,48')}", "log.0.mad: Input should be a valid decimal"),
        (f"log:\n  - {GOOD.replace('0.48', 'NaN')}", "log.0.mad: Input should be a finite number"),
        (f"log:\n  - {GOOD.replace('2025-01-01', 'today')}", "log.0.from: Input should be a valid"),
        (f"log:\n  - {GOOD.replace('sure: M', 'sure: maybe')}", "log.0.sure: Input should be 'H'"),
        (f"log:\n  - {GOOD.replace('mad', 'eur')}", "log.0.mad: Field required; log.0.eur"),
    ],
)
def test_read_prices_refuses_a_wrong_list_with_its_reason(
    tmp_path: Path, content: str, why: str
) -> None:
    with pytest.raises(PricesWrong) as refused:
        read_prices(write(tmp_path, content))
    assert why in str(refused.value)


def test_read_prices_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PricesWrong, match="nowhere: No such file"):
        read_prices(tmp_path / "nowhere")


def doctor(runtime: Runtime, **settings: object) -> str:
    """What the doctor says of prices, of an installation with other settings."""
    other = Runtime(Settings(**_urls(runtime), **settings), clock=runtime.clock)
    try:
        said = create_app(other).test_cli_runner().invoke(args=["doctor"]).output
    finally:
        other.database.dispose()
        other.redis.close()
    (line,) = (line for line in said.splitlines() if " prices: " in line)
    return line


def _urls(runtime: Runtime) -> dict[str, str]:
    settings = runtime.settings
    return {"database_url": settings.database_url, "redis_url": settings.redis_url}


def test_doctor_shows_each_price_and_its_confidence(runtime: Runtime) -> None:
    told = doctor(runtime, sms_providers="africastalking,twilio")
    assert told == "ok     prices: africastalking 0.48 MAD (M), twilio 1.15 MAD (ASM)"


def test_doctor_names_a_provider_without_a_price(runtime: Runtime, tmp_path: Path) -> None:
    path = write(tmp_path, f"log:\n  - {GOOD}\n")
    told = doctor(runtime, sms_providers="log,twilio", sms_prices=path)
    assert told.startswith("WRONG  prices: ") and "why=twilio: no price on 2026-11-23" in told
    assert "0.48" in doctor(runtime, sms_providers="log", sms_prices=path)
