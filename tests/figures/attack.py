"""Attackers of published figures: what somebody works out who has all that is shown.

Each hidden count is an unknown. What adds up is an equation: the keys of a cut make up the whole,
the parts of a split make up what they are of. One attacker even knows all shown counts to the unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from app.figures.measures import ALL, COUNTS, Measure
from app.figures.rules import Cell, MonthFigures, Value

# A person may be counted under several keys of these.
_MANY_KEYS = {("payers", "network"), ("payers", "channel"), ("payers", "day")}
_MANY_KEYS |= {("posted_payers", cut) for _, cut in _MANY_KEYS} | {("sms_phones", "language")}
_PRIME, _THRESHOLD = 2_147_483_647, 10
# Cells with 1 on one side, minus the whole: their sum is 0.
Equation = dict[Cell, int]
Bounds = dict[Cell, tuple[int, int]]
# A cell, and the month since which its count is as it is.
DatedCell = tuple[Cell, int]
# A published month: its figures as the books have them, and as they are shown.
Published = tuple[MonthFigures, Mapping[Cell, Value]]


def list_equations(figures: MonthFigures) -> Iterator[Equation]:
    """Yields all that adds up, each whole with -1."""
    for measure in COUNTS:
        for cut in measure.cuts:
            if cut != ALL and (measure.name, cut) not in _MANY_KEYS:
                parts = {(cut, key, measure.name): 1 for key in figures.list_keys(cut)}
                if parts:
                    yield parts | {(ALL, ALL, measure.name): -1}
    for split in {measure.split for measure in COUNTS if measure.split}:
        parts_of = [measure for measure in COUNTS if measure.split == split]
        for cut in parts_of[0].cuts:
            for key in figures.list_keys(cut):
                yield {(cut, key, part.name): 1 for part in parts_of} | {
                    (cut, key, parts_of[0].of): -1
                }


def list_rests(figures: MonthFigures) -> Iterator[tuple[Cell, Cell, Cell]]:
    """Yields whole, part and the rest that nobody names, of what is among something else."""
    for measure in COUNTS:
        if measure.of and not measure.split:
            for cut in measure.cuts:
                for key in figures.list_keys(cut):
                    rest = (cut, key, f"rest of {measure.name}")
                    yield (cut, key, measure.of), (cut, key, measure.name), rest


def find_solved(months: Sequence[Published]) -> set[Cell]:
    """Finds the small counts hidden in some month that follow from all that is shown: a rank test.

    All shown counts are known to the unit, and so is which counts were the same the month before.
    """
    names = _date_cells([figures for figures, _ in months])
    known = {
        names[i][cell]
        for i, (_, shown) in enumerate(months)
        for cell in names[i]
        if shown[cell] is not None
    }
    pivots: dict[DatedCell, dict[DatedCell, int]] = {}
    for i, (figures, _) in enumerate(months):
        for equation in list_equations(figures):
            row = {names[i][cell]: n for cell, n in equation.items()}
            _add_row({name: n for name, n in row.items() if name not in known}, pivots)
    solved = known | {name for name, row in pivots.items() if len(row) == 1}
    return {
        cell
        for i, (figures, shown) in enumerate(months)
        for cell in list_small(figures, shown, _THRESHOLD)
        if names[i][cell] in solved
    }


def _date_cells(months: Sequence[MonthFigures]) -> list[dict[Cell, DatedCell]]:
    """Names each month's counts: one that is as it was the month before has its name of then."""
    names: list[dict[Cell, DatedCell]] = []
    for i, figures in enumerate(months):
        names.append({})
        for measure in COUNTS:
            for cut in measure.cuts:
                for key in figures.list_keys(cut):
                    cell = (cut, key, measure.name)
                    same = i > 0 and months[i - 1].values.get(cell) == figures.get(*cell)
                    names[i][cell] = names[i - 1][cell] if same else (cell, i)
    return names


def _add_row(row: dict[DatedCell, int], pivots: dict[DatedCell, dict[DatedCell, int]]) -> None:
    """Adds an equation to a system that stays fully reduced (Gauss and Jordan, by a prime)."""
    row = dict(row)
    for cell in [cell for cell in row if cell in pivots]:
        if cell in row:
            _subtract(row, pivots[cell], row[cell])
    if not row:
        return
    pivot = next(iter(row))
    inverse = pow(row[pivot], -1, _PRIME)
    row = {cell: n * inverse % _PRIME for cell, n in row.items()}
    for other in pivots.values():
        if pivot in other:
            _subtract(other, row, other[pivot])
    pivots[pivot] = row


def _subtract(row: dict[DatedCell, int], other: dict[DatedCell, int], times: int) -> None:
    for cell, n in other.items():
        value = (row.get(cell, 0) - times * n) % _PRIME
        if value:
            row[cell] = value
        else:
            row.pop(cell, None)


def find_bounds(
    figures: MonthFigures, shown: Mapping[Cell, Value], *, to_the_unit: bool, threshold: int = 10
) -> Bounds:
    """Finds the least and the most that each count may be, by what adds up and what is among what.

    With `to_the_unit` all shown counts are known; else only as they are shown.
    """
    most = max(figures.values.values(), default=0) + 1000
    bounds: Bounds = {}
    for measure in COUNTS:
        for cut in measure.cuts:
            for key in figures.list_keys(cut):
                cell = (cut, key, measure.name)
                bounds[cell] = _read_bounds(figures, shown, cell, to_the_unit, threshold, most)
    equations = list(list_equations(figures))
    rests: dict[tuple[str, str], Equation] = {}
    for whole, part, rest in list_rests(figures):
        bounds[rest] = (0, most)
        equations.append({part: 1, rest: 1, whole: -1})
        if rest[0] != ALL and (part[2], rest[0]) not in _MANY_KEYS:
            whole_rest = rests.setdefault((rest[0], rest[2]), {(ALL, ALL, rest[2]): -1})
            whole_rest[rest] = 1
    _narrow(bounds, [*equations, *rests.values()])
    return bounds


def _read_bounds(
    figures: MonthFigures,
    shown: Mapping[Cell, Value],
    cell: Cell,
    to_the_unit: bool,
    threshold: int,
    most: int,
) -> tuple[int, int]:
    value = shown[cell]
    if value is None:
        return 0, most
    if to_the_unit:
        return figures.get(*cell), figures.get(*cell)
    return max(threshold, int(value) - 2), int(value) + 2


def _narrow(bounds: Bounds, equations: list[Equation]) -> None:
    """Narrows the bounds until no equation narrows any."""
    changed = True
    rounds = 0
    while changed and rounds < 40:
        changed, rounds = False, rounds + 1
        for equation in equations:
            low = sum(n * bounds[c][0 if n > 0 else 1] for c, n in equation.items())
            high = sum(n * bounds[c][1 if n > 0 else 0] for c, n in equation.items())
            for cell, n in equation.items():
                least, most = bounds[cell]
                ends = (n * least, n * most) if n > 0 else (n * most, n * least)
                rest_low, rest_high = low - ends[0], high - ends[1]
                if n > 0:
                    new = max(least, -rest_high), min(most, -rest_low)
                else:
                    new = max(least, rest_low), min(most, rest_high)
                if new != (least, most):
                    assert new[0] <= new[1], (cell, new)
                    bounds[cell] = new
                    changed = True
                    low = sum(k * bounds[c][0 if k > 0 else 1] for c, k in equation.items())
                    high = sum(k * bounds[c][1 if k > 0 else 0] for c, k in equation.items())


def list_small(figures: MonthFigures, shown: Mapping[Cell, Value], threshold: int) -> list[Cell]:
    """Lists the hidden counts under the threshold."""
    names = {measure.name for measure in COUNTS}
    return [
        cell
        for cell, value in shown.items()
        if cell[2] in names and value is None and figures.get(*cell) < threshold
    ]


def list_measures() -> tuple[Measure, ...]:
    return COUNTS
