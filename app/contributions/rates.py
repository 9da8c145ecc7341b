"""The dated rates of rates.yaml, checked once at import into values that cannot change."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Generic, Literal, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.months import Month
from app.contributions.errors import RatesWrong

T = TypeVar("T")

_STRICT = ConfigDict(frozen=True, extra="forbid")
_DECIMAL_MODES = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
}


def _read_since(text: object) -> Month | None:
    try:
        return None if text == "start" else Month.parse(str(text))
    except InvalidInput:
        raise ValueError("neither `start` nor a month written YYYY-MM") from None


Sure = Literal["H", "M", "L", "ASM"]
Source = Annotated[str, Field(min_length=1)]
Positive = Annotated[Decimal, Field(gt=0, max_digits=12)]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]
FirstMonth = Annotated[Month, BeforeValidator(_read_since)]
Months = Annotated[int, Field(ge=0, le=120)]


# A dataclass, as the rates themselves: of a model each type of value would be a class of its own.
@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DatedValue(Generic[T]):
    """A value in force from a month on (`since` None: from the start), with its source."""

    since: Annotated[Month | None, BeforeValidator(_read_since), Field(alias="from")]
    value: T
    sure: Sure
    source: Source


class DatedValues(RootModel[tuple[DatedValue[T], ...]], Generic[T]):
    """The values of a rule in the order they came into force; the first is from the start."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _check_order(self) -> DatedValues[T]:
        if not self.root or self.root[0].since is not None:
            raise ValueError("the first entry must be `from: start`")
        for earlier, later in pairwise(entry.since for entry in self.root):
            if later is None or (earlier is not None and later <= earlier):
                raise ValueError(f"from {later or 'start'} does not come after {earlier}")
        return self

    def at(self, month: Month) -> T:
        """Returns the value in force in `month`."""
        return next(e.value for e in reversed(self.root) if e.since is None or e.since <= month)


class DueRule(BaseModel):
    model_config = _STRICT
    months_after: Annotated[int, Field(ge=0, le=12)]
    day: Literal["last"] | Annotated[int, Field(ge=1, le=31)]


class Category(BaseModel):
    """A category: the body that collects its contributions, and the rule that computes them."""

    model_config = _STRICT
    collector: Literal["cnss", "tax_administration", "auto_entrepreneur_tax"]
    rule: Literal["fixed", "scale", "quarterly_duty"]
    coefficient: Positive | None = None
    sure: Sure
    source: Source

    @model_validator(mode="after")
    def _check_rule(self) -> Category:
        if (self.rule == "fixed") != (self.coefficient is not None):
            raise ValueError("a coefficient belongs to the rule `fixed`, and to it alone")
        if (self.rule == "quarterly_duty") == self.is_collected_here:
            raise ValueError(f"{self.collector} does not collect by the rule {self.rule}")
        return self

    @property
    def is_collected_here(self) -> bool:
        """True if payment codes pay the category's contributions."""
        return self.collector == "cnss"


class ScaleStep(BaseModel):
    """A line of the scale of coefficients."""

    model_config = _STRICT
    who: Source
    coefficient: Positive


class Band(BaseModel):
    """A quarter's duty (MAD) for an annual tax below, or up to and with, a bound (MAD)."""

    model_config = _STRICT
    below: Positive | None = None
    to: Positive | None = None
    duty: Positive

    def holds(self, annual_tax: Decimal) -> bool:
        if self.below is not None:
            return annual_tax < self.below
        return self.to is None or annual_tax <= self.to


def _check_bands(bands: tuple[Band, ...]) -> tuple[Band, ...]:
    bounds = [band.below or band.to or Decimal("Infinity") for band in bands]
    if not bands or bounds[-1].is_finite() or bounds != sorted(set(bounds)):
        raise ValueError("bounds must rise, and the last band alone has none")
    return bands


def _check_the_four(categories: Mapping[Letter, Category]) -> Mapping[Letter, Category]:
    # The register's file has these (docs/contract.md, Files); it may have others too.
    if missing := sorted(set("ABCD") - set(categories)):
        raise ValueError(f"missing: {', '.join(missing)}")
    return MappingProxyType(categories)


Letter = Annotated[str, Field(pattern="^[A-Z]$")]
Categories = Annotated[Mapping[Letter, Category], AfterValidator(_check_the_four)]
Scale = Annotated[tuple[ScaleStep, ...], Field(min_length=1)]
Bands = Annotated[tuple[Band, ...], AfterValidator(_check_bands)]


# Compared and hashed by identity: rates are a key of the rules' caches.
@dataclass(frozen=True, eq=False, config=ConfigDict(extra="forbid"))
class Rates:
    """Every dated rule of docs/rules.md on contributions; rates.yaml explains each field."""

    smig: DatedValues[Positive]
    contribution_percent: DatedValues[Percent]
    hours_a_month: DatedValues[Annotated[int, Field(gt=0)]]
    rounding: DatedValues[Literal["half_up", "half_even", "up", "down"]]
    due: DatedValues[DueRule]
    penalty_percent: DatedValues[Percent]
    penalty_counts: DatedValues[Literal["started", "complete"]]
    penalty_cap_contributions: DatedValues[Positive]
    penalty_cap_over: DatedValues[Literal["all", "each"]]
    categories: Categories
    coefficient_scale: DatedValues[Scale]
    quarterly_duty: DatedValues[Bands]
    tolerated_months: DatedValues[Months]
    closed_after_months: DatedValues[Months]
    stage_months: DatedValues[Months]
    overdue_first_months: DatedValues[Months]
    reopening_months: DatedValues[Months]
    wait_months: DatedValues[Months]
    rights_until_tolerates: DatedValues[bool]
    code_validity_days: DatedValues[Annotated[int, Field(ge=1, le=365)]]
    scheme_from: DatedValues[FirstMonth]

    def rounded(self, amount: Decimal, month: Month) -> Money:
        """Rounds `amount` (MAD) to whole centimes, by the rounding in force in `month`."""
        mode = _DECIMAL_MODES[self.rounding.at(month)]
        return Money(int((amount * 100).quantize(Decimal(1), mode)))

    @cached_property
    def collected_here(self) -> tuple[str, ...]:
        """The categories that payment codes pay."""
        return tuple(name for name, rule in self.categories.items() if rule.is_collected_here)

    @cached_property
    def scale_bounds(self) -> tuple[Decimal, Decimal]:
        """The lowest and the highest coefficient the scale ever had."""
        every = [step.coefficient for entry in self.coefficient_scale.root for step in entry.value]
        return min(every), max(every)


class _RatesLoader(yaml.CBaseLoader):
    """Keeps every scalar as text, so that no rate is a float; refuses a repeated key."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        keys = [key.value for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(twice)}: given twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def load(path: Path) -> Rates:
    """Reads the rates file at `path`. Raises: RatesWrong, naming every unusable entry."""
    try:
        with path.open(encoding="utf-8") as file:
            content = yaml.load(file, _RatesLoader)  # noqa: S506 - a BaseLoader makes only text
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RatesWrong(file=path.name, why=" ".join(str(error).split())) from error
    try:
        return TypeAdapter(Rates).validate_python(content)
    except ValidationError as error:
        why = "; ".join(_describe(problem) for problem in error.errors())
        raise RatesWrong(file=path.name, why=why) from None


def _describe(problem: ErrorDetails) -> str:
    """Describes a fault: `smig entry 3, value: Input should be greater than 0 (given: -1)`."""
    places = [f"entry {p + 1}" if isinstance(p, int) else p for p in problem["loc"]]
    where = ", ".join(places).replace(", entry", " entry") or "the file"
    shown_input = f" (given: {problem['input']})" if isinstance(problem["input"], str) else ""
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}{shown_input}"


RATES = load(Path(__file__).with_name("rates.yaml"))
