"""No small count can be worked out from all that is shown, over cuts, measures and months."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures.measures import COUNTS
from app.figures.rules import THRESHOLD, Cell, MonthFigures, Value, protect
from tests.figures.attack import find_bounds, find_solved, list_small
from tests.figures.made_up import MadeUpRegister

_NAMES = {measure.name for measure in COUNTS}
SIZES = st.sampled_from((50, 120, 400, 1500, 9000, 60_000, 360_000))


def attack(figures: MonthFigures, shown: dict[Cell, Value]) -> None:
    """Tries every attack on one month."""
    small = list_small(figures, shown, THRESHOLD)
    for cell, value in shown.items():
        if cell[2] in _NAMES and value is not None:
            assert figures.get(*cell) >= THRESHOLD, cell
            assert value % 5 == 0 and abs(figures.get(*cell) - value) <= 2, cell
    solved = find_solved(figures, shown)
    assert solved.isdisjoint(small), solved & set(small)
    exact = find_bounds(figures, shown, to_the_unit=True)
    for cell in small:
        low, high = exact[cell]
        assert high - low >= THRESHOLD - 1, (cell, figures.get(*cell), exact[cell])
    rounded = find_bounds(figures, shown, to_the_unit=False)
    for cell, (low, high) in rounded.items():
        if low < THRESHOLD and (cell in small or cell[2] not in _NAMES):
            assert high > low, (cell, low, high)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), SIZES, st.sampled_from((2, 8, 25)))
def test_no_small_count_is_solved(seed: int, people: int, most_trades: int) -> None:
    register = MadeUpRegister.of(Random(seed), most_trades)
    figures, hidden = register.make_month(people), set[Cell]()
    for _ in range(3):
        shown = protect(figures, hidden)
        attack(figures, shown)
        hidden = {cell for cell, value in shown.items() if value is None}
        figures = register.change(figures)
