"""What a segment costs, by provider and day, from prices.yaml beside this file or another. Pure."""

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
    """Dirhams a segment from a day on, and why we believe it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    since: date = Field(alias="from")
    mad: Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]
    sure: Literal["H", "M", "L", "ASM"]
    source: Annotated[str, Field(min_length=1)]


Prices = Mapping[str, tuple[Price, ...]]
_Entries = Annotated[tuple[Price, ...], Field(min_length=1)]
_FILE = TypeAdapter(Annotated[dict[str, _Entries], Field(min_length=1)])


class _Loader(yaml.SafeLoader):
    """Refuses what is written twice: YAML would keep the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [name.value for name, _ in node.value]
        if twice := {name for name in names if names.count(name) > 1}:
            raise yaml.YAMLError(f"written twice: {', '.join(sorted(twice))}")
        return super().construct_mapping(node, deep)


def read_prices(path: Path = SHIPPED) -> Prices:
    """By provider, in the order they came into force; PricesWrong names what is wrong."""
    try:
        # _Loader is a SafeLoader.
        prices = _FILE.validate_python(yaml.load(path.read_bytes(), _Loader))  # noqa: S506
    except OSError as error:
        raise PricesWrong(why=f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise PricesWrong(why=" ".join(str(error).split())) from None
    except ValidationError as error:
        raise PricesWrong(why="; ".join(_places(error))) from None
    for provider, entries in prices.items():
        for earlier, later in pairwise(entries):
            if later.since <= earlier.since:
                why = f"{provider}: {later.since} does not come after {earlier.since}"
                raise PricesWrong(why=why)
    return prices


def _places(error: ValidationError) -> Iterable[str]:
    for one in error.errors():
        yield f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"


def price_on(prices: Prices, provider: str, day: date) -> Decimal:
    """Dirhams a segment on that day; PricesWrong for a provider or a day without one."""
    return entry_on(prices, provider, day).mad


def entry_on(prices: Prices, provider: str, day: date) -> Price:
    """The entry in force on that day; PricesWrong for a provider or a day without one."""
    known = [entry for entry in prices.get(provider, ()) if entry.since <= day]
    if not known:
        raise PricesWrong(why=f"{provider}: no price on {day}")
    return known[-1]


def dearest_on(prices: Prices, providers: Iterable[str], day: date) -> Decimal:
    """The most a segment may cost on that day, whichever of the providers takes it."""
    return max(price_on(prices, provider, day) for provider in providers)
