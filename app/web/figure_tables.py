"""Published figures as tables of a page, in the reader's words: by months, or by keys of a cut."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.base.months import Month
from app.figures.key_names import name_key
from app.figures.measures import ALL, CUTS, STEPS, UNKNOWN, is_a_share
from app.figures.queries import PublishedFigure
from app.figures.rules import Value

# Measures by what they tell of, in the order of reading.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "register": ("artisans", "enrolled", "enrolled_share", "not_enrolled"),
    "rights": (
        "rights_open",
        "rights_open_share",
        "rights_suspended",
        "rights_closed",
        "rights_not_yet",
    ),
    "dues": (
        "owing",
        "owing_share",
        "owing_nothing",
        "owing_1_to_2_months",
        "owing_3_to_6_months",
        "owing_over_6_months",
    ),
    "payments": (
        "codes_made",
        "codes_paid",
        "codes_paid_share",
        "codes_expired",
        "paid",
        "payers",
        "payers_share",
        "paid_dirhams",
        "posted",
        "posted_share",
        "posted_payers",
        "posted_dirhams",
    ),
    "talks": ("dialled", "saw_dues", "saw_dues_share", "saw_code"),
    "messages": (
        "sms",
        "sms_delivered",
        "sms_delivered_share",
        "sms_phones",
        "sms_dirhams",
        "reminders_sent",
        *(
            f"{name}_{step}{end}"
            for step in STEPS
            for name, ends in (
                ("reminded", ("", "_paid", "_unpaid", "_paid_share")),
                ("held_out", ("", "_paid", "_unpaid", "_paid_share")),
                ("effect", ("_share", "_low_share", "_high_share")),
            )
            for end in ends
        ),
    ),
    "requests": ("requests", "requests_waiting", "requests_waiting_days"),
    "work": ("sms_waiting", "breaks_open"),
}
MONTHS_COMPARED = 12
Say = Callable[..., Markup]


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A row of a page's table: its title, and its values as they are written; None is hidden."""

    title: str | Markup
    values: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table of a page: the key of its title's words, its columns and rows."""

    subject: str
    columns: Sequence[str | Markup]
    rows: Sequence[FigureRow]
    # What the table would tell of, were nothing of it hidden.
    hidden: Sequence[str | Markup] = ()


def make_tables(
    figures: Collection[PublishedFigure], cut: str, say: Say, language: str
) -> list[FigureTable]:
    """Returns a table for each subject that the figures tell of: months side by side, or keys."""
    make = _compare_months if cut == ALL else _compare_keys
    return [table for subject in SUBJECTS if (table := make(figures, subject, say, language))]


def make_own_tables(
    figures: Collection[PublishedFigure], say: Say, language: str
) -> list[FigureTable]:
    """Returns the tables of one key: its months side by side."""
    return [
        table for subject in SUBJECTS if (table := _compare_months(figures, subject, say, language))
    ]


def _compare_months(
    figures: Collection[PublishedFigure], subject: str, say: Say, language: str
) -> FigureTable | None:
    """Returns a row for each measure and a column for each month, the newest first."""
    values = {(one.month, one.measure): one.value for one in figures}
    months = sorted({month for month, _ in values}, reverse=True)[:MONTHS_COMPARED]
    told = {measure for _, measure in values}
    rows = [
        FigureRow(
            say(f"office.figures.measure.{measure}"),
            [write_figure(values.get((month, measure)), measure) for month in months],
        )
        for measure in SUBJECTS[subject]
        if measure in told
    ]
    columns = [f"{month.month:02d}/{month.year}" for month in months]
    shown = [row for row in rows if any(value is not None for value in row.values)]
    hidden = [row.title for row in rows if row not in shown]
    return FigureTable(subject, columns, shown, hidden) if rows else None


def _compare_keys(
    figures: Collection[PublishedFigure], subject: str, say: Say, language: str
) -> FigureTable | None:
    """Returns a row for each key and a column for each measure."""
    values = {(one.key, one.measure): one.value for one in figures}
    told = {measure for _, measure in values}
    named = [measure for measure in SUBJECTS[subject] if measure in told]
    if not named:
        return None
    shown = {measure for (_, measure), value in values.items() if value is not None}
    measures = [measure for measure in named if measure in shown]
    hidden = [say(f"office.figures.measure.{name}") for name in named if name not in shown]
    if not measures:
        return FigureTable(subject, (), (), hidden)
    cut = next(one.cut for one in figures)
    rows = [
        FigureRow(
            name_key(cut, key, say, language),
            [write_figure(values.get((key, measure)), measure) for measure in measures],
        )
        for key in sorted({key for key, _ in values}, key=lambda key: (key == UNKNOWN, key))
    ]
    columns = [say(f"office.figures.measure.{name}") for name in measures]
    return FigureTable(subject, columns, rows, hidden)


def write_figure(value: Value, measure: str) -> str | None:
    """Writes a figure, a share in percent; None stays None: it is hidden."""
    if value is None:
        return None
    if is_a_share(measure):
        return f"{value * 100:.1f} %".replace(".0 %", " %")
    return f"{value:,.0f}".replace(",", "\u00a0")


def read_month(text: str, months: Sequence[Month]) -> Month | None:
    """Returns the month asked for, if it is published; else the newest; None if there is none."""
    return next((month for month in months if str(month) == text), next(iter(months), None))


def read_cut(text: str) -> str:
    """Returns the cut asked for; all of it for any other text."""
    return text if text in CUTS else ALL
