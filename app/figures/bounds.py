"""What rounded figures still tell of the rest that nobody names: those among the whole who are not
among the part. Pure.

Rounding protects these rests: each keeps as many possible values as a rounded 0 has, or more.
Hidden as cells are, they would hide the part wherever nearly all are among it: where things go
well. But figures that add up narrow what was rounded away, so it is looked for here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from app.figures.measures import ALL, COUNTS, OVERLAPPING, Measure

# Cut, key and measure.
Cell = tuple[str, str, str]
# The least and the most that a count may be.
Bounds = dict[Cell, tuple[int, int]]
# Parts, and the whole that they make up.
Equation = tuple[Sequence[Cell], Cell]
_MOST = 10**9
_ROUNDS = 200
# A count shown as 0 would be 0, 1 or 2.
LEAST_VALUES = 3


def find_told_rests(bounds: Bounds, keys: Mapping[str, Sequence[str]], most: int) -> set[str]:
    """Returns the measures whose rest keeps fewer than LEAST_VALUES somewhere and is under `most`.

    `bounds` are those of each count as it is shown; `keys` are those of each cut.
    """
    told: set[str] = set()
    for root in (measure for measure in COUNTS if not measure.of):
        family = [root, *_list_kin(root)]
        if len(family) == 1:
            continue
        known = {cell: bounds[cell] for cell in bounds if cell[2] in {m.name for m in family}}
        equations = list(_list_equations(family, keys))
        known |= {part: (0, _MOST) for parts, _ in equations for part in parts if part not in known}
        known |= {whole: (0, _MOST) for _, whole in equations if whole not in known}
        _narrow(known, equations)
        for (_, _, name), (low, high) in known.items():
            if name.startswith(_REST) and high < most and high - low < LEAST_VALUES - 1:
                told.add(name.removeprefix(_REST))
    return told


_REST = "rest of "


def _list_kin(root: Measure) -> Iterator[Measure]:
    """Yields what is among a measure, however far down, splits apart: their parts are all named."""
    for measure in COUNTS:
        if measure.of == root.name and not measure.split:
            yield measure
            yield from _list_kin(measure)


def _list_equations(
    family: Sequence[Measure], keys: Mapping[str, Sequence[str]]
) -> Iterator[Equation]:
    for measure in family:
        names = [measure.name, f"{_REST}{measure.name}"] if measure.of else [measure.name]
        for cut in measure.cuts:
            for key in keys.get(cut, ()):
                if measure.of:
                    yield [(cut, key, name) for name in names], (cut, key, measure.of)
            if cut != ALL and keys.get(cut) and (measure.name, cut) not in OVERLAPPING:
                for name in names:
                    if name in names[:1] or (measure.of, cut) not in OVERLAPPING:
                        yield [(cut, key, name) for key in keys.get(cut, ())], (ALL, ALL, name)


def _narrow(bounds: Bounds, equations: Sequence[Equation]) -> None:
    """Narrows the bounds until no equation narrows any, or as often as it may be worth."""
    changed = True
    for _ in range(_ROUNDS):
        if not changed:
            return
        changed = False
        for parts, whole in equations:
            low, high = (sum(bounds[part][end] for part in parts) for end in (0, 1))
            changed |= _tighten(bounds, whole, low, high)
            least, most = bounds[whole]
            for part in parts:
                own = bounds[part]
                changed |= _tighten(bounds, part, least - (high - own[1]), most - (low - own[0]))


def _tighten(bounds: Bounds, cell: Cell, low: int, high: int) -> bool:
    least, most = bounds[cell]
    bounds[cell] = max(least, low), min(most, high)
    return bounds[cell] != (least, most)
