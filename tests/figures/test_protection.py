"""No small count can be worked out from all that is shown, over cuts, measures and months."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.figures.bounds import LEAST_VALUES
from app.figures.hiding import Before
from app.figures.measures import ALL, COUNTS
from app.figures.rules import (
    THRESHOLD,
    Cell,
    MonthFigures,
    Value,
    protect,
    round_count,
    round_dirhams,
)
from tests.figures.attack import Published, find_bounds, find_solved, list_rests, list_small
from tests.figures.made_up import MadeUpRegister

_NAMES = {measure.name for measure in COUNTS}
SIZES = st.sampled_from((50, 120, 400, 1500, 9000, 60_000, 360_000))


def see(figures: MonthFigures, shown: dict[Cell, Value]) -> Before:
    """A published month as the month after it has it."""
    return Before(figures.values, {cell for cell, value in shown.items() if value is None})


def attack(figures: MonthFigures, shown: dict[Cell, Value]) -> None:
    """Tries every attack on one month."""
    small = list_small(figures, shown, THRESHOLD)
    for cell, value in shown.items():
        if cell[2] in _NAMES and value is not None:
            assert figures.get(*cell) >= THRESHOLD, cell
            assert value % 5 == 0 and abs(figures.get(*cell) - value) <= 2, cell
    exact = find_bounds(figures, shown, to_the_unit=True)
    for cell in small:
        low, high = exact[cell]
        assert high - low >= THRESHOLD - 1, (cell, figures.get(*cell), exact[cell])
    rounded = find_bounds(figures, shown, to_the_unit=False)
    for whole, part, rest in list_rests(figures):
        if figures.get(*whole) - figures.get(*part) < THRESHOLD:
            low, high = rounded[rest]
            assert high - low >= LEAST_VALUES - 1, (rest, low, high)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), SIZES, st.sampled_from((2, 8, 25)))
def test_no_small_count_is_solved(seed: int, people: int, most_trades: int) -> None:
    register = MadeUpRegister.of(Random(seed), most_trades)
    figures, before = register.make_month(people), Before()
    months: list[Published] = []
    for _ in range(3):
        shown = protect(figures, before)
        attack(figures, shown)
        months.append((figures, shown))
        assert find_solved(months[-1:]) == set()
        before, figures = see(figures, shown), register.change(figures)
    assert find_solved(months) == set()


def test_the_same_people_a_month_later_hide_the_same_cells() -> None:
    """What is hidden beside a small count does not change from month to month: no two differ."""
    for seed in range(12):
        register = MadeUpRegister.of(Random(seed), 12)
        figures = register.make_month(2000)
        first = protect(figures)
        assert protect(figures, see(figures, first)) == first


def test_a_count_that_grows_over_the_threshold_does_not_tell_what_it_was() -> None:
    """All beside it is as it was: were it shown, the month before would be solved."""
    months: list[Published] = []
    before = Before()
    for grown in (9, 10, 11):
        counts = {"a": 4, "b": 6, "c": 40, "d": grown}
        values = {("region", key, "requests"): count for key, count in counts.items()}
        figures = MonthFigures(values | {(ALL, ALL, "requests"): sum(counts.values())})
        shown = protect(figures, before)
        assert shown["region", "d", "requests"] is None, grown
        months.append((figures, shown))
        before = see(figures, shown)
    assert find_solved(months) == set()
    forgetful = [(figures, protect(figures)) for figures, _ in months]
    assert find_solved(forgetful) == {("region", "d", "requests")}


def test_what_is_wholly_hidden_is_hidden_in_what_tells_the_same() -> None:
    counts = {"artisans": 200, "enrolled": 100, "not_enrolled": 100}
    counts |= {"owing": 5, "owing_nothing": 95, "owing_1_to_2_months": 5}
    counts |= {"rights_open": 45, "rights_suspended": 35, "rights_closed": 20}
    shown = protect(MonthFigures({(ALL, ALL, name): count for name, count in counts.items()}))
    assert shown[ALL, ALL, "enrolled"] == 100
    told = {name for _, _, name in shown if name.startswith(("rights_", "owing_"))}
    assert {shown[ALL, ALL, name] for name in told} == {None}


def test_payments_that_are_not_posted_keep_the_values_that_rounding_leaves() -> None:
    """The rest that nobody names is not hidden as cells are: a month that is posted can say so."""
    for paid, posted, least in ((100, 100, 5), (98, 97, 5), (13, 13, 5), (12, 10, 3)):
        values = {(ALL, ALL, "paid"): paid, (ALL, ALL, "posted"): posted}
        figures = MonthFigures(values)
        shown = protect(figures)
        assert shown[ALL, ALL, "posted"] is not None
        low, high = find_bounds(figures, shown, to_the_unit=False)[ALL, ALL, "rest of posted"]
        assert low <= paid - posted <= high and high - low + 1 >= least


def test_a_single_other_network_gives_nothing_away() -> None:
    values = {
        (cut, key, measure.name): count
        for cut, key, count in (("all", "all", 95), ("network", "a", 92), ("network", "b", 3))
        for measure in COUNTS
        if measure.name in ("paid", "payers")
    }
    shown = protect(MonthFigures(values))
    assert shown["all", "all", "paid"] == 95
    assert shown["network", "a", "paid"] is None and shown["network", "b", "paid"] is None


def test_amounts_and_shares_stand_where_their_people_are_shown() -> None:
    values: dict[Cell, int] = {}
    counts = {"a": 60, "b": 49, "c": 12, "d": 9, "e": 0}
    for cut, key, count in [("all", "all", 130), *(("region", *item) for item in counts.items())]:
        for name in ("codes_made", "codes_paid", "paid", "payers"):
            values[cut, key, name] = count
        values[cut, key, "paid_dirhams"] = count * 163_52
    shown = protect(MonthFigures(values))
    assert shown["all", "all", "paid_dirhams"] == 21_000
    assert shown["region", "a", "paid_dirhams"] == 10_000
    assert shown["region", "a", "codes_paid_share"] == 1.0
    assert shown["region", "b", "codes_paid"] == 50
    # Whether there is a share does not tell 49 from 50: both are shown as 50.
    assert shown["region", "b", "codes_paid_share"] is None
    values["region", "b", "codes_paid"] = values["region", "b", "codes_made"] = 50
    assert protect(MonthFigures(values))["region", "b", "codes_paid_share"] is None
    hidden = [shown["region", key, "paid_dirhams"] for key in "de"]
    assert hidden == [None, None]


def test_rounding_goes_to_the_nearest_five() -> None:
    assert [round_count(count) for count in (0, 2, 3, 7, 8, 12, 13, 1502)] == [
        *(0, 0, 5, 5, 10, 10, 15, 1500)
    ]
    assert round_dirhams(49_999) == 0 and round_dirhams(50_000) == 1000
