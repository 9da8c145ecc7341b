"""Small counts are protected: what of a month may leave the house (docs/figures.md). Pure.

A count under the threshold is hidden, and with it as many others as it takes: even if every figure
that is shown were known to the unit, of each small count `THRESHOLD` values in a row stay possible.
Rounding comes on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from app.figures.bounds import Bounds, find_told_rests
from app.figures.hiding import Before, Hidden, find_hidden
from app.figures.measures import (
    ALL,
    AMOUNTS,
    COUNTS,
    SHARES,
    STEPS,
    AmountMeasure,
    is_in_dirhams,
)
from app.reminders.rules import Share, difference

# ASM, parameters of docs/rules.md, Figures.
THRESHOLD, ROUNDED_TO, FEWEST_FOR_SHARE = 10, 5, 50
# As it is shown: were it judged by the count itself, a share would tell on which side of 50 it is.
_FEWEST_SHOWN_FOR_SHARE = FEWEST_FOR_SHARE + ROUNDED_TO
_CENTIMES = 100
_DIRHAMS_ROUNDED_TO = 1000
_DECIMALS = 2
_EFFECT_DECIMALS = 3

_NO_MONTH = Before()

# Cut, key and measure.
Cell = tuple[str, str, str]
# A figure as it is shown: None where it is hidden.
Value = int | float | None


@dataclass(frozen=True)
class MonthFigures:
    """The figures of a month as the books have them; amounts in centimes or days."""

    values: Mapping[Cell, int]

    @cached_property
    def _keys(self) -> dict[str, list[str]]:
        keys: dict[str, set[str]] = {}
        for cut, key, _ in self.values:
            keys.setdefault(cut, set()).add(key)
        return {cut: sorted(found) for cut, found in keys.items()}

    def list_cuts(self) -> list[str]:
        return list(self._keys)

    def list_keys(self, cut: str) -> list[str]:
        return self._keys.get(cut, [])

    def get(self, cut: str, key: str, measure: str) -> int:
        return self.values.get((cut, key, measure), 0)


def protect(figures: MonthFigures, before: Before = _NO_MONTH) -> dict[Cell, Value]:
    """Returns every cell as it may be shown, beside the month before; None is a hidden one."""
    hidden = find_hidden(figures, before, THRESHOLD)
    shown = _round_counts(figures, hidden)
    keys = {cut: figures.list_keys(cut) for cut in figures.list_cuts()}
    for hide in (hidden.hide_keys, hidden.hide_wholly):
        if told := find_told_rests(_list_bounds(shown), keys, THRESHOLD):
            hide(told, keys)
            shown = _round_counts(figures, hidden)
    for amount in AMOUNTS:
        shown |= _protect_amount(figures, hidden, amount)
    _add_shares(shown)
    _add_effects(shown)
    return shown


def _round_counts(figures: MonthFigures, hidden: Hidden) -> dict[Cell, Value]:
    shown: dict[Cell, Value] = {}
    for measure in COUNTS:
        for cut in measure.cuts:
            for key in figures.list_keys(cut):
                cell = (cut, key, measure.name)
                count = figures.get(*cell)
                shown[cell] = None if hidden.covers(cell) else round_count(count)
    return shown


def _list_bounds(shown: Mapping[Cell, Value]) -> Bounds:
    """Returns the least and the most that each shown count may be."""
    return {
        cell: (max(THRESHOLD, int(value) - ROUNDED_TO // 2), int(value) + ROUNDED_TO // 2)
        for cell, value in shown.items()
        if value is not None
    }


def round_count(count: int, base: int = ROUNDED_TO) -> int:
    """Rounds a count to the next multiple of `base`; halves go up."""
    return (2 * count + base) // (2 * base) * base


def round_dirhams(centimes: int) -> int:
    """Rounds an amount in centimes to thousands of dirhams."""
    return round_count(centimes, _DIRHAMS_ROUNDED_TO * _CENTIMES) // _CENTIMES


def _protect_amount(
    figures: MonthFigures, hidden: Hidden, amount: AmountMeasure
) -> dict[Cell, Value]:
    shown: dict[Cell, Value] = {}
    cuts = next(measure.cuts for measure in COUNTS if measure.name == amount.people)
    for cut in cuts:
        for key in figures.list_keys(cut):
            cell = (cut, key, amount.name)
            if hidden.covers((cut, key, amount.people)):
                shown[cell] = None
            else:
                value = figures.get(*cell)
                shown[cell] = round_dirhams(value) if is_in_dirhams(amount.name) else value
    return shown


def _add_shares(shown: dict[Cell, Value]) -> None:
    """Adds the shares, reckoned from what is shown: they say nothing that it does not say."""
    for share in SHARES:
        for cut, key, _ in [cell for cell in shown if cell[2] == share.part]:
            part, base = shown[cut, key, share.part], shown.get((cut, key, share.base))
            value: Value = None
            if part is not None and base is not None and base >= _FEWEST_SHOWN_FOR_SHARE:
                value = round(part / base, _DECIMALS)
            shown[cut, key, share.name] = value


def _add_effects(shown: dict[Cell, Value]) -> None:
    """Adds by how much more of the reminded paid than of those held out, and its 95% interval."""
    for step in STEPS:
        names = [f"effect_{step}_share", f"effect_{step}_low_share", f"effect_{step}_high_share"]
        reminded, held_out = (_read_share(shown, f"{g}_{step}") for g in ("reminded", "held_out"))
        values: tuple[Value, ...] = (None, None, None)
        if reminded and held_out:
            values = tuple(round(v, _EFFECT_DECIMALS) for v in difference(reminded, held_out))
        shown |= {(ALL, ALL, name): value for name, value in zip(names, values, strict=True)}


def _read_share(shown: Mapping[Cell, Value], group: str) -> Share | None:
    """Returns the share of a group that paid, as it is shown; None if it is hidden or small."""
    people, paid = shown.get((ALL, ALL, group)), shown.get((ALL, ALL, f"{group}_paid"))
    if people is None or paid is None or people < _FEWEST_SHOWN_FOR_SHARE:
        return None
    return Share(int(people), min(int(paid), int(people)))
