"""The measures: what each counts, in which cuts, and what is a part of what. Data, and pure.

`artisans` is a root: it stands alone. `part` of a measure: the parts of one `split` make up the
whole. `among` a measure: some of it, the rest is not named. An amount stands where its people are
shown. A share is reckoned from two figures as they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALL = "all"
# The cuts that leave the house, in the order of the files.
CUTS = ("all", "region", "trade", "category", "language", "network", "channel")
# Cuts of pictures alone: the days of the month, providers, the age of open breaks.
DAY, PROVIDER, BREAK_AGE = "day", "provider", "break_age"
# The key of what has no region, trade or language.
UNKNOWN = "unknown"
BREAK_AGES = ("0_to_1", "2_to_7", "8_to_30", "over_30")
STEPS = ("week", "due", "rights")

_PEOPLE = ("all", "region", "trade", "category", "language")
_TALKS = ("all", "language")
_PAID = (*_PEOPLE, "network", "channel", DAY)


@dataclass(frozen=True, slots=True)
class Measure:
    """A count. `of` is what it is some of; `split` names the parts that make up the whole."""

    name: str
    cuts: tuple[str, ...]
    of: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class AmountMeasure:
    """An amount in centimes or days, shown where the count of its people is."""

    name: str
    people: str


@dataclass(frozen=True, slots=True)
class ShareMeasure:
    """A share: `part` of `base`, both as they are shown."""

    name: str
    part: str
    base: str


def _list_parts(of: str, split: str, cuts: tuple[str, ...], names: str) -> list[Measure]:
    return [Measure(name, cuts, of, split) for name in names.split()]


def _list_groups(step: str) -> list[Measure]:
    """Returns the people of one step of the reminders: those written to, and those held out."""
    groups = (f"reminded_{step}", f"held_out_{step}")
    return [
        measure
        for group in groups
        for measure in (
            Measure(group, (ALL,)),
            *_list_parts(group, group, (ALL,), f"{group}_paid {group}_unpaid"),
        )
    ]


# What a measure is of stands before it.
COUNTS: tuple[Measure, ...] = (
    Measure("artisans", _PEOPLE),
    *_list_parts("artisans", "enrolment", _PEOPLE, "enrolled not_enrolled"),
    *_list_parts(
        "enrolled",
        "rights",
        _PEOPLE,
        "rights_open rights_suspended rights_closed rights_not_yet",
    ),
    *_list_parts("enrolled", "dues", _PEOPLE, "owing owing_nothing"),
    *_list_parts(
        "owing", "months", _PEOPLE, "owing_1_to_2_months owing_3_to_6_months owing_over_6_months"
    ),
    Measure("dialled", _TALKS),
    Measure("saw_dues", _TALKS, "dialled"),
    Measure("saw_code", _TALKS, "saw_dues"),
    Measure("codes_made", _PEOPLE),
    Measure("codes_paid", _PEOPLE, "codes_made"),
    Measure("codes_expired", _PEOPLE, "codes_made"),
    Measure("paid", _PAID),
    Measure("payers", _PAID, "paid"),
    Measure("posted", _PAID, "paid"),
    Measure("posted_payers", _PAID, "posted"),
    Measure("sms", (*_TALKS, PROVIDER)),
    Measure("sms_delivered", (*_TALKS, PROVIDER), "sms"),
    Measure("sms_phones", _TALKS, "sms"),
    Measure("sms_waiting", (ALL, PROVIDER)),
    Measure("reminders_sent", _PEOPLE),
    Measure("requests", _PEOPLE),
    Measure("requests_waiting", _PEOPLE),
    Measure("breaks_open", (ALL, "network", BREAK_AGE)),
    *(measure for step in STEPS for measure in _list_groups(step)),
)
AMOUNTS: tuple[AmountMeasure, ...] = (
    AmountMeasure("paid_dirhams", "payers"),
    AmountMeasure("posted_dirhams", "posted_payers"),
    AmountMeasure("sms_dirhams", "sms_phones"),
    AmountMeasure("requests_waiting_days", "requests_waiting"),
)
SHARES: tuple[ShareMeasure, ...] = (
    ShareMeasure("enrolled_share", "enrolled", "artisans"),
    ShareMeasure("rights_open_share", "rights_open", "enrolled"),
    ShareMeasure("owing_share", "owing", "enrolled"),
    ShareMeasure("saw_dues_share", "saw_dues", "dialled"),
    ShareMeasure("codes_paid_share", "codes_paid", "codes_made"),
    ShareMeasure("payers_share", "payers", "enrolled"),
    ShareMeasure("posted_share", "posted", "paid"),
    ShareMeasure("sms_delivered_share", "sms_delivered", "sms"),
    *(
        ShareMeasure(f"{group}_{step}_paid_share", f"{group}_{step}_paid", f"{group}_{step}")
        for step in STEPS
        for group in ("reminded", "held_out")
    ),
)
BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in COUNTS}
# Measures and cuts in which one person may be counted under several keys.
OVERLAPPING = frozenset(
    (name, cut)
    for name, cuts in {
        "payers": ("network", "channel", DAY),
        "posted_payers": ("network", "channel", DAY),
        "sms_phones": ("language",),
    }.items()
    for cut in cuts
)
# Splits that say nearly the same of the same people: where one is hidden, all are.
TIED = (("rights", "dues", "months"),)


def is_in_dirhams(name: str) -> bool:
    return name.endswith("_dirhams")


def is_a_share(name: str) -> bool:
    return name.endswith("_share")
