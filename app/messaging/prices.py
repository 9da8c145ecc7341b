"""What a segment costs, by provider and day, from prices.yaml beside this file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.messaging.errors import PricesWrong

SHIPPED = Path(__file__).parent / "prices.yaml"


class Price(BaseModel):
    """Dirhams a segment from a day on, and why we believe it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    since: date = Field(alias="from")
    mad: Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]
    sure: Literal["H", "M", "L", "ASM"]
    source: Annotated[str, Field(min_length=1)]


Prices = Mapping[str, tuple[Price, ...]]
_FILE = TypeAdapter(dict[str, Annotated[tuple[Price, ...], Field(min_length=1)]])


def read_prices(path: Path = SHIPPED) -> Prices:
    """By provider, in the order they came into force; PricesWrong names what is wrong."""
    try:
        prices = _FILE.validate_python(yaml.safe_load(path.read_bytes()))
    except (yaml.YAMLError, ValidationError) as error:
        raise PricesWrong(why=str(error).replace("\n", " ")) from None
    for provider, entries in prices.items():
        for earlier, later in pairwise(entries):
            if later.since <= earlier.since:
                raise PricesWrong(why=f"{provider}: {later.since} does not come after")
    return prices


def price_on(prices: Prices, provider: str, day: date) -> Decimal:
    """Dirhams a segment on that day; PricesWrong for a provider or a day without one."""
    known = [entry for entry in prices.get(provider, ()) if entry.since <= day]
    if not known:
        raise PricesWrong(why=f"{provider}: no price on {day}")
    return known[-1].mad


def dearest_on(prices: Prices, providers: Iterable[str], day: date) -> Decimal:
    """The most a segment may cost on that day, whichever of the providers takes it."""
    return max(price_on(prices, provider, day) for provider in providers)
