"""Which counts of a month are hidden: the small ones, and others beside them. Pure.

In each cut the keys of a measure make up its total, and the parts of a split make up what they are
parts of. So keys are hidden with the total in mind, and all parts of a split in the same rows. The
bounds are those that somebody finds who knows all other figures to the unit (Frechet's, for a table
of rows and columns with known sums).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import sub
from typing import Protocol

from app.figures.measures import ALL, COUNTS, TIED, Measure

# Cut, key and measure.
Cell = tuple[str, str, str]


class Counts(Protocol):
    """The counts of a month by cell."""

    def list_keys(self, cut: str) -> list[str]: ...

    def get(self, cut: str, key: str, measure: str) -> int: ...


@dataclass
class Hidden:
    """The measures that are hidden as a whole, and the hidden rows of the others."""

    measures: set[str] = field(default_factory=set)
    rows: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def covers(self, cell: Cell) -> bool:
        cut, key, measure = cell
        return measure in self.measures or key in self.rows.get((cut, measure), ())

    def hide_keys(self, names: Collection[str], keys: Mapping[str, Sequence[str]]) -> None:
        """Hides measures, and all that is among them, in each cut but the whole."""
        for measure in _list_with_parts(names):
            for cut in measure.cuts:
                if cut != ALL:
                    self.rows[cut, measure.name] = set(keys.get(cut, ()))

    def hide_wholly(self, names: Collection[str], keys: Mapping[str, Sequence[str]]) -> None:
        """Hides measures, and all that is among them, everywhere."""
        self.measures |= {measure.name for measure in _list_with_parts(names)}


@dataclass(frozen=True)
class Before:
    """The month published before: its counts as the books had them, and the hidden ones.

    A count that is as it was then is known, if it was shown then; hidden then, it stays hidden, or
    it would tell of those that were hidden beside it.
    """

    counts: Mapping[Cell, int] = field(default_factory=dict)
    hidden: Collection[Cell] = ()

    def knows(self, cell: Cell, count: int) -> bool:
        return cell not in self.hidden and self.counts.get(cell) == count

    def hides(self, cell: Cell, count: int) -> bool:
        return cell in self.hidden and self.counts.get(cell) == count


@dataclass(frozen=True)
class _Group:
    """Measures that are hidden in the same rows: one alone, or the parts of a split.

    Parts that are small over all keys are hidden everywhere, together with the next larger one:
    `columns` are the counts that are told apart by what is shown.
    """

    of: str
    columns: tuple[tuple[str, ...], ...]
    cuts: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [name for column in self.columns for name in column]


def find_hidden(counts: Counts, before: Before, threshold: int) -> Hidden:
    """Returns what must be hidden so that no count under `threshold` can be worked out."""
    hidden = Hidden()
    for measures in _list_groups():
        group = _join_small_parts(counts, measures, hidden, before, threshold)
        if group is None:
            hidden.measures |= {measure.name for measure in measures}
            continue
        hidden.measures |= {n for column in group.columns if len(column) > 1 for n in column}
        _hide_rows(counts, group, hidden, before, threshold)
    _tie_splits(hidden)
    return hidden


def _list_with_parts(names: Collection[str]) -> list[Measure]:
    """Lists measures of these names, and those that are among them."""
    below = set(names)
    for measure in COUNTS:
        if measure.of in below:
            below.add(measure.name)
    return [measure for measure in COUNTS if measure.name in below]


def _list_groups() -> list[list[Measure]]:
    """Lists the measures by split, what they are of first; a measure without a split is alone."""
    return [
        list(group)
        for _, group in groupby(COUNTS, key=lambda measure: measure.split or measure.name)
    ]


def _join_small_parts(
    counts: Counts,
    measures: Sequence[Measure],
    hidden: Hidden,
    before: Before,
    threshold: int,
) -> _Group | None:
    """Returns the group with its small parts joined; None if it cannot be shown at all."""
    first = measures[0]
    if first.of in hidden.measures:
        return None
    totals = _Totals(counts, measures, before, threshold)
    columns: list[tuple[str, ...]] = [(measure.name,) for measure in measures]
    while True:
        columns.sort(key=totals.rank)
        if not totals.is_open(columns[0]):
            break
        if len(columns) == 1:
            return None
        columns = [columns[0] + columns[1], *columns[2:]]
    if first.split and len(columns) == 1:
        return None
    return _Group(first.of, tuple(columns), first.cuts)


class _Totals:
    """The counts of a group over all keys."""

    def __init__(
        self, counts: Counts, measures: Sequence[Measure], before: Before, threshold: int
    ) -> None:
        self._threshold = threshold
        self._counts = {measure.name: counts.get(ALL, ALL, measure.name) for measure in measures}
        cells = {name: (ALL, ALL, name) for name in self._counts}
        self._known = {n for n, count in self._counts.items() if before.knows(cells[n], count)}
        staying = {n for n, count in self._counts.items() if before.hides(cells[n], count)}
        were = {
            name: [before.counts.get(cell, 0)]
            for name, cell in cells.items()
            if cell in before.hidden
        }
        self._bound = _find_bound(were, staying, threshold)

    def is_open(self, names: tuple[str, ...]) -> bool:
        """Tells whether a count may not stand by itself, or joined ones hide too little."""
        if len(names) == 1:
            return names[0] in self._bound or self._counts[names[0]] < self._threshold
        return sum(self._counts[n] for n in names if n not in self._known) < self._threshold

    def rank(self, names: tuple[str, ...]) -> tuple[bool, bool, int]:
        """Returns the order of joining: the open ones, then those not known, the small ones."""
        whole = sum(self._counts[name] for name in names)
        return not self.is_open(names), self._known.issuperset(names), whole


def _hide_rows(
    counts: Counts, group: _Group, hidden: Hidden, before: Before, threshold: int
) -> None:
    """Hides rows of the group in each cut, or the whole group if rows are not enough."""
    for cut in group.cuts:
        if cut == ALL:
            continue
        inherited = set(hidden.rows.get((cut, group.of), ()))
        rows = _Table(counts, group, cut, inherited, before, threshold).choose_rows()
        if rows is None:
            hidden.measures |= set(group.names)
            return
        for name in group.names:
            hidden.rows[cut, name] = set(rows)


def _tie_splits(hidden: Hidden) -> None:
    """Hides in the same rows, or everywhere, the splits that tell nearly the same."""
    for splits in TIED:
        parts = [[measure.name for measure in COUNTS if measure.split == split] for split in splits]
        names = [name for part in parts for name in part]
        if any(hidden.measures.issuperset(part) for part in parts):
            hidden.measures |= set(names)
        cuts = {cut for cut, name in hidden.rows if name in names}
        for cut in cuts:
            rows = set().union(*(hidden.rows.get((cut, name), set()) for name in names))
            for name in names:
                hidden.rows[cut, name] = rows


class _Table:
    """The rows (keys) and columns of a group in one cut."""

    def __init__(
        self,
        counts: Counts,
        group: _Group,
        cut: str,
        inherited: set[str],
        before: Before,
        threshold: int,
    ) -> None:
        self._group, self._threshold, self._inherited = group, threshold, inherited
        keys = counts.list_keys(cut)
        # What is hidden in all rows says nothing of one.
        names = [column[0] for column in group.columns if len(column) == 1]
        cells = {k: [((cut, k, n), counts.get(cut, k, n)) for n in names] for k in keys}
        self._staying = {k for k in keys if any(before.hides(*one) for one in cells[k])}
        self._known = {k for k in keys if any(before.knows(*one) for one in cells[k])}
        self._hidden_before = {
            k: [before.counts.get(cell, 0) for cell, _ in cells[k]]
            for k in keys
            if any(cell in before.hidden for cell, _ in cells[k])
        }
        self._rows: dict[str, list[int]] = {
            key: [_add_up(counts, cut, key, column) for column in group.columns] for key in keys
        }
        self._wholes: dict[str, int] = {
            key: counts.get(cut, key, group.of) if group.of else sum(self._rows[key])
            for key in keys
        }
        self._is_split = len(group.columns) > 1

    def choose_rows(self) -> set[str] | None:
        """Returns the rows to hide; None if no choice protects all small counts."""
        small = {key for key, row in self._rows.items() if min(row) < self._threshold}
        rows = (
            small
            | self._inherited
            | _find_bound(self._hidden_before, self._staying, self._threshold)
        )
        others = sorted(
            self._rows.keys() - rows - self._known,
            key=lambda key: (key not in self._hidden_before, sum(self._rows[key]), key),
        )
        while not self._protects(rows):
            if not others:
                return None
            rows.add(others.pop(0))
        return rows

    def _protects(self, rows: set[str]) -> bool:
        """Tells whether each small count in hidden rows keeps enough possible values."""
        small = {key for key in rows if min(self._rows[key]) < self._threshold}
        rows = rows - (self._known - small)
        sums = [sum(self._rows[key][i] for key in rows) for i in range(len(self._group.columns))]
        for key in rows:
            for i, count in enumerate(self._rows[key]):
                if count < self._threshold:
                    low, high = self._find_bounds(rows, key, i, sums)
                    if high - low < self._threshold - 1:
                        return False
        return True

    def _find_bounds(
        self, rows: set[str], key: str, i: int, sums: Sequence[int]
    ) -> tuple[int, int]:
        """Returns the least and the most that a hidden count may be, all shown ones known."""
        if len(rows) == 1:
            return self._rows[key][i], self._rows[key][i]
        most = self._find_most(rows)
        if self._is_split:
            others = sum(sums) - sums[i]
            if key in self._inherited or not self._group.of:
                return 0, min(sums[i], most[key])
            return max(0, most[key] - others), min(sums[i], most[key])
        # Rows whose whole is hidden share what their wholes come to.
        shared = {most[other] for other in rows & self._inherited if other != key}
        rest = sum(most[other] for other in rows - self._inherited if other != key) + sum(shared)
        return max(0, sums[i] - rest), min(sums[i], most[key])

    def _find_most(self, rows: set[str]) -> Mapping[str, int]:
        """Returns the most that each row's whole may be: known where the whole is shown."""
        if not self._group.of:
            whole = sum(self._wholes[key] for key in rows)
            return dict.fromkeys(rows, whole)
        unknown = sum(self._wholes[key] for key in rows if key in self._inherited)
        return {key: unknown if key in self._inherited else self._wholes[key] for key in rows}


def _find_bound(before: Mapping[str, Sequence[int]], staying: set[str], threshold: int) -> set[str]:
    """Returns what was hidden before and must be hidden still: what stays, and what would be told.

    What was hidden beside and did not change makes up the rest in both months, and so tells what
    a count was before that is shown now: others must have changed with it, of as much together as
    hides a small count.
    """
    least = min((count for row in before.values() for count in row), default=0)
    if len(before) == 1 or least >= 2 * threshold:
        return staying
    changed = {key: before[key] for key in before.keys() - staying}
    sums = [sum(column) for column in zip(*changed.values(), strict=True)]
    told = {key for key, row in changed.items() if min(map(sub, sums, row)) < threshold}
    return staying | told


def _add_up(counts: Counts, cut: str, key: str, names: Sequence[str]) -> int:
    return sum(counts.get(cut, key, name) for name in names)
