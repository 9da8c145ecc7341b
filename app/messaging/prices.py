"""Reads the price of a segment by provider and day, from prices.yaml or another file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.messaging.errors import PricesWrong

SHIPPED = Path(__file__).parent / "prices.yaml"


class Price(BaseModel):
    """The price of a segment in dirhams from a day on, with its source and confidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    since: date = Field(alias="from")
    mad: Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]
    sure: Literal["H", "M", "L", "ASM"]
    source: Annotated[str, Field(min_length=1)]


Prices = Mapping[str, tuple[Price, ...]]
_Entries = Annotated[tuple[Price, ...], Field(min_length=1)]
_FILE = TypeAdapter(Annotated[dict[str, _Entries], Field(min_length=1)])


class _PricesLoader(yaml.CSafeLoader):
    """Refuses a key written twice: YAML would keep the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.YAMLError(f"written twice: {', '.join(sorted(twice))}")
        return super().construct_mapping(node, deep)


def read_prices(path: Path = SHIPPED) -> Prices:
    """Returns the prices by provider, in the order they came into force. Raises: PricesWrong."""
    try:
        # _PricesLoader is a CSafeLoader.
        prices = _FILE.validate_python(yaml.load(path.read_bytes(), _PricesLoader))  # noqa: S506
    except OSError as error:
        raise PricesWrong(why=f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise PricesWrong(why=" ".join(str(error).split())) from None
    except ValidationError as error:
        raise PricesWrong(why="; ".join(_list_faults(error))) from None
    for provider, entries in prices.items():
        for earlier, later in pairwise(entries):
            if later.since <= earlier.since:
                why = f"{provider}: {later.since} does not come after {earlier.since}"
                raise PricesWrong(why=why)
    return prices


def _list_faults(error: ValidationError) -> Iterable[str]:
    for fault in error.errors():
        yield f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"


def price_on(prices: Prices, provider: str, day: date) -> Decimal:
    """Returns the price of a segment on that day, in dirhams. Raises: PricesWrong without one."""
    return entry_on(prices, provider, day).mad


def entry_on(prices: Prices, provider: str, day: date) -> Price:
    """Returns the entry in force on that day. Raises: PricesWrong without one."""
    known = [entry for entry in prices.get(provider, ()) if entry.since <= day]
    if not known:
        raise PricesWrong(why=f"{provider}: no price on {day}")
    return known[-1]


def dearest_on(prices: Prices, providers: Iterable[str], day: date) -> Decimal:
    """Returns the price of a segment on that day at the dearest of the providers."""
    return max(price_on(prices, provider, day) for provider in providers)
