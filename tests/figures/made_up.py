"""Made-up months of a register of any size, whose figures add up as the books' do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from app.figures.measures import ALL, COUNTS, STEPS
from app.figures.rules import Cell, MonthFigures

_RIGHTS = ("rights_open", "rights_suspended", "rights_closed", "rights_not_yet")
_MONTHS = ("owing_1_to_2_months", "owing_3_to_6_months", "owing_over_6_months")
# Each person is one of these: parts of the register that add up to everything above them.
_PERSONS = (
    ("artisans", "not_enrolled"),
    *(
        ("artisans", "enrolled", rights, *dues)
        for rights in _RIGHTS
        for dues in (("owing_nothing",), *(("owing", months) for months in _MONTHS))
    ),
)
_THINGS = (
    (("codes_made",), ("codes_made", "codes_paid"), ("codes_made", "codes_expired")),
    (
        ("paid",),
        ("paid", "payers"),
        ("paid", "payers", "posted"),
        ("paid", "payers", "posted", "posted_payers"),
    ),
    (("dialled",), ("dialled", "saw_dues"), ("dialled", "saw_dues", "saw_code")),
    (("sms",), ("sms", "sms_delivered"), ("sms", "sms_delivered", "sms_phones")),
    (("reminders_sent",),),
    (("requests",),),
    (("requests_waiting",),),
    (("breaks_open",),),
    (("sms_waiting",),),
    *(
        ((group, f"{group}_paid"), (group, f"{group}_unpaid"))
        for step in STEPS
        for group in (f"reminded_{step}", f"held_out_{step}")
    ),
)


@dataclass
class MadeUpRegister:
    """People by kind, who come to keys of each cut; a month later some of them are another kind."""

    random: Random
    keys: dict[str, list[str]]
    weights: dict[str, list[float]]

    @classmethod
    def of(cls, random: Random, most_trades: int) -> MadeUpRegister:
        counts = {
            "region": random.randint(1, 12),
            "trade": random.randint(1, most_trades),
            "category": 4,
            "language": 6,
            "network": random.randint(1, 3),
            "channel": 4,
            "day": 30,
            "provider": random.randint(1, 3),
            "break_age": 4,
        }
        keys = {cut: [f"{cut}{n:02d}" for n in range(count)] for cut, count in counts.items()}
        skew = random.choice((0.3, 1.0, 4.0))
        weights = {
            cut: [random.random() ** skew * random.choice((1, 1, 0.02)) + 1e-9 for _ in names]
            for cut, names in keys.items()
        }
        return cls(random, keys, weights)

    def make_month(self, people: int) -> MonthFigures:
        values: dict[Cell, int] = {}
        kinds = [(_PERSONS, people)]
        kinds += [(kind, int(people * self.random.random() ** 3)) for kind in _THINGS]
        for measure in COUNTS:
            for cut in measure.cuts:
                for key in [ALL] if cut == ALL else self.keys[cut]:
                    values[cut, key, measure.name] = 0
        for kind, whole in kinds:
            shares = [self.random.random() ** 4 for _ in kind]
            for names, count in zip(kind, self._spread(whole, shares), strict=True):
                self._add(values, names, count)
        return MonthFigures(values)

    def change(self, figures: MonthFigures) -> MonthFigures:
        """Returns the month after: a few people more of some kinds, in all cuts alike."""
        values = dict(figures.values)
        for kind in (_PERSONS, *_THINGS):
            for names in kind:
                if self.random.random() < 0.4:
                    self._add(values, names, self.random.choice((1, 1, 2, 3, 9)))
        return MonthFigures(values)

    def _add(self, values: dict[Cell, int], names: Sequence[str], count: int) -> None:
        cuts = next(measure.cuts for measure in COUNTS if measure.name == names[0])
        for cut in cuts:
            keys = [ALL] if cut == ALL else self.keys[cut]
            weights = [1.0] if cut == ALL else self.weights[cut]
            for key, part in zip(keys, self._spread(count, weights), strict=True):
                for name in names:
                    if (cut, key, name) in values:
                        values[cut, key, name] += part

    def _spread(self, count: int, weights: Sequence[float]) -> list[int]:
        """Spreads a count over parts by their weights, the last few by chance."""
        whole = sum(weights) or 1.0
        parts = [int(count * weight / whole) for weight in weights]
        rest = count - sum(parts)
        chosen = self.random.choices(range(len(parts)), [w or 1e-9 for w in weights], k=rest)
        for i in chosen:
            parts[i] += 1
        return parts
