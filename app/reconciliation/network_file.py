"""Reads an agent network's settlement file of a day (docs/contract.md, Files). Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from app.base.clock import local_date, local_midnight
from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs
from app.base.marks import drop_unseen
from app.base.money import Money
from app.base.reference import LONGEST_REFERENCE, read_reference
from app.base.spreadsheets import find_damage, find_rounding, take_text_mark
from app.files.decimals import read_decimal_cell
from app.files.errors import FileRefused
from app.files.table import GivenFile, TableRow, open_table
from app.files.words import empty_if_nothing
from app.reconciliation.csv_lines import TOTAL

HEADER = (
    "transaction_reference",
    "code",
    "amount",
    "currency",
    "paid_at",
    "agent_id",
    "terminal_id",
    "status",
)
STATUSES = ("paid", "reversed")
_CODE = re.compile(r"[1-9][0-9]{11}", re.ASCII)
_GROUPING = re.compile(r"(?<=[0-9])[ .-](?=[0-9])")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", re.ASCII)
_ZEROS = re.compile(r"0{1,2}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
# A line as programs write it, its cells parted by tabs: nothing but its amount and its moment can
# be at fault. No word for nothing has a digit, and no reference of these is a rounded number.
_PLAIN_WORD = "((?:[A-Za-z]{0,8}[0-9]{1,56})?)"
_PLAIN_LINE = re.compile(
    r"((?![0-9.]+[Ee])[A-Za-z0-9][A-Za-z0-9._/-]{0,127})\t([1-9][0-9]{11})\t"
    r"([0-9]{1,12}\.[0-9]{2})\tMAD\t([0-9][0-9T:.+Z-]{18,31})\t"
    rf"{_PLAIN_WORD}\t{_PLAIN_WORD}\t(paid|reversed)",
    re.ASCII,
)
# How a moment is written, in examples.
_MOMENT = "2026-11-27T10:00:00+00:00"
# A network's day may end at another hour than Morocco's.
_DAY_MARGIN = timedelta(days=1)
# A cumulative file has lines of every day, or of every second one where a day was closed.
_WIDEST_GAP = timedelta(days=2)
# The last day of a cumulative file has at least this share of its busiest day's lines; the few
# lines of the next day are those of another hour of closing.
_LEAST_SHARE = 10


class SettlementLine(NamedTuple):
    """A line; `amount` is in centimes. `agent` and `terminal` are None if the line has none."""

    number: int
    reference: str
    code: str
    amount: int
    paid_at: datetime
    agent: str | None
    terminal: str | None
    status: str


@dataclass(frozen=True, slots=True)
class SettledDays:
    """The days in Morocco that a file settles, from `first` to `last`; mostly it is one."""

    first: date
    last: date


@dataclass(slots=True)
class Summary:
    """Counts of the lines read so far: `days` by day in Morocco, and `paid` in centimes."""

    days: Counter[date] = field(default_factory=Counter)
    first_line_of_day: dict[date, int] = field(default_factory=dict)
    lines: int = 0
    paid: int = 0
    notes: tuple[str, ...] = ()

    def add(self, line: SettlementLine) -> None:
        """Counts a line."""
        day = local_date(line.paid_at)
        self.days[day] += 1
        self.first_line_of_day.setdefault(day, line.number)
        self.lines += 1
        self.paid += line.amount if line.status == "paid" else 0

    def find_settled_days(self, is_settled: Callable[[date], bool]) -> SettledDays:
        """Returns the day of most lines, or all days of a cumulative file.

        `is_settled` says of a day whether a file settled it before: late lines may be of such a
        day. Raises: FileRefused if there are no lines, or one of a day far from the others.
        """
        if not self.days:
            raise FileRefused(line=2, why="no lines", fault="no_lines")
        busiest = max(self.days, key=lambda day: (self.days[day], day))
        together = self._find_days_around(busiest)
        for day, line in sorted(self.first_line_of_day.items(), key=lambda item: item[1]):
            if day not in together and not any(map(is_settled, _days_near(day))):
                why = f"paid on {day}, in a file of {busiest}"
                told = {"day": f"{day}", "busiest": f"{busiest}"}
                raise FileRefused(line=line, why=why, fault="other_day", **told)
        first, last = min(together), max(together)
        if busiest - first <= _DAY_MARGIN and last - busiest <= _DAY_MARGIN:
            return SettledDays(busiest, busiest)
        least = self.days[busiest] / _LEAST_SHARE
        return SettledDays(first, max(day for day in together if self.days[day] >= least))

    def _find_days_around(self, busiest: date) -> set[date]:
        """Returns the days of the file that follow each other without a wide gap."""
        together = {busiest}
        for days in (sorted(self.days), sorted(self.days, reverse=True)):
            reached = busiest
            for day in days[days.index(busiest) :]:
                if abs(day - reached) > _WIDEST_GAP:
                    break
                together.add(day)
                reached = day
        return together


def _days_near(day: date) -> tuple[date, ...]:
    return day - _DAY_MARGIN, day, day + _DAY_MARGIN


def read_lines(
    file: GivenFile, summary: Summary, today: date, declared_total: Money | None = None
) -> Iterator[SettlementLine]:
    """Yields every line, checked, and counts it in `summary`.

    The last line may be `TOTAL,<lines>,<amount paid>,...`. It is checked, and so is
    `declared_total`, the amount paid that the network declared apart from the file.

    Raises: FileRefused.
    """
    total_line, ahead = 0, local_midnight(today + 2 * _DAY_MARGIN)
    with open_table(file, HEADER) as table:
        summary.notes = table.notes
        for row in table.require_rows():
            number = row.line
            if total_line:
                why = f"a line after the total of line {total_line}"
                raise FileRefused(line=number, why=why, fault="after_total", total_line=total_line)
            line = _read_plain_line(row)
            if line is None:
                fields = _spell_fields(row)
                if _is_total(fields):
                    _check_total(number, fields, summary)
                    total_line = number
                    continue
                line = _read_line(number, fields)
            if line.paid_at >= ahead:
                day = local_date(line.paid_at)
                why = f"paid_at lies ahead, on {day}"
                raise FileRefused(line=number, why=why, fault="ahead", day=f"{day}")
            summary.add(line)
            yield line
    if declared_total is not None and declared_total.centimes != summary.paid:
        paid = Money(summary.paid)
        why = f"the paid lines come to {paid}, not {declared_total}"
        raise FileRefused(
            line=0, why=why, fault="declared", told=f"{paid}", declared=f"{declared_total}"
        )


def _read_plain_line(row: TableRow) -> SettlementLine | None:
    """Reads a line that needs no mending; None for one to be looked at cell by cell.

    Nearly all lines are such, and read so in a tenth of the time. Raises: FileRefused.
    """
    plain = _PLAIN_LINE.fullmatch("\t".join(row.cells))
    if plain is None:
        return None
    reference, code, amount, moment, agent, terminal, status = plain.groups()
    centimes = int(amount.replace(".", ""))
    if not centimes:
        return None
    paid_at = _read_moment(row.line, moment)
    return SettlementLine(
        row.line, reference, code, centimes, paid_at, agent or None, terminal or None, status
    )


def _spell_fields(row: TableRow) -> list[str]:
    """Returns the cells in plain writing; a reference keeps its letters, and loses its marks."""
    reference, *others = row.cells
    return [drop_unseen(reference).strip(), *map(plain_signs, others)]


def _read_line(number: int, fields: list[str]) -> SettlementLine:
    row = dict(zip(HEADER, fields, strict=True))
    agent, terminal = empty_if_nothing(row["agent_id"]), empty_if_nothing(row["terminal_id"])

    def check(valid: object, name: str, wanted: str) -> None:
        if not valid:
            why = f"{name} is not {wanted}"
            raise FileRefused(line=number, why=why, fault="column", column=name)

    if rounding := find_rounding(row["transaction_reference"]):
        why = f"transaction_reference: {rounding}"
        raise FileRefused(line=number, why=why, fault="rounded", column="transaction_reference")
    visible = f"1 to {LONGEST_REFERENCE} visible characters without blanks at the ends"
    check(_is_reference(row["transaction_reference"]), "transaction_reference", visible)
    word = "1 to 64 letters, digits and . _ / -"
    code = _GROUPING.sub("", take_text_mark(row["code"]))
    if damage := find_damage(code):
        raise FileRefused(line=number, why=f"code: {damage}", fault="rounded", column="code")
    check(_CODE.fullmatch(code), "code", "12 digits")
    check(row["currency"].upper() == "MAD", "currency", "MAD")
    check(not agent or _WORD.fullmatch(agent), "agent_id", word)
    check(not terminal or _WORD.fullmatch(terminal), "terminal_id", word)
    status = row["status"].casefold()
    check(status in STATUSES, "status", " or ".join(STATUSES))
    centimes, moment = _read_centimes(row["amount"]), _read_moment(number, row["paid_at"])
    check(centimes, "amount", "more than 0 in at most two decimals")
    return SettlementLine(
        number=number,
        reference=row["transaction_reference"],
        code=code,
        amount=centimes,
        paid_at=moment,
        agent=agent or None,
        terminal=terminal or None,
        status=status,
    )


def _is_total(fields: list[str]) -> bool:
    """True for the line of the total; a payment may have TOTAL for its reference."""
    return fields[0] == TOTAL and not any(fields[4:])


def _is_reference(text: str) -> bool:
    try:
        read_reference(text)
    except InvalidInput:
        return False
    return True


def _read_centimes(text: str) -> int:
    """Reads a spreadsheet's writings, and what the payments API reads too, such as `163.5200`."""
    try:
        whole, point, decimals = read_decimal_cell(text).partition(".")
        if point and _ZEROS.fullmatch(decimals[2:]):
            decimals = decimals[:2]
        return max(Money.parse(f"{whole}{point}{decimals}").centimes, 0)
    except InvalidInput:
        return 0


def _read_moment(line: int, text: str) -> datetime:
    """Reads a moment with its offset: without one, another network's clock is anybody's guess.

    Raises: FileRefused naming what is missing, and how it is written.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not 2000 <= moment.year <= 9000:
        why = f"paid_at is no ISO 8601 time such as {_MOMENT}"
        raise FileRefused(line=line, why=why, fault="no_moment")
    if len(text) <= len("2026-11-27"):
        why = f"paid_at lacks the time of day: write it as {_MOMENT}"
        raise FileRefused(line=line, why=why, fault="no_moment")
    if moment.tzinfo is None:
        why = f"paid_at lacks the offset from UTC: write it as {_MOMENT}"
        raise FileRefused(line=line, why=why, fault="no_moment")
    return moment


def _check_total(number: int, fields: list[str], summary: Summary) -> None:
    lines, amount = fields[1], fields[2]
    if not _COUNT.fullmatch(lines) or int(lines) != summary.lines:
        why = f"the total names {lines} as the number of lines, not {summary.lines}"
        told = {"declared": lines, "told": f"{summary.lines}"}
        raise FileRefused(line=number, why=why, fault="total_lines", **told)
    if _read_centimes(amount) != summary.paid:
        paid = Money(summary.paid)
        why = f"the total is {amount}, the paid lines come to {paid}"
        told = {"declared": amount, "told": f"{paid}"}
        raise FileRefused(line=number, why=why, fault="total_amount", **told)
