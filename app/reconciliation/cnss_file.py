"""Reads CNSS's answer, whose lines are postings, rights, enrolments, families and claims. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs, read_cnss_number, read_rna_number
from app.base.marks import spell_plainly
from app.base.money import Money
from app.base.months import Month
from app.claims.models import STATES as CLAIM_STATES
from app.enrolment.models import PARTS
from app.files.days import read_day_cell
from app.files.decimals import read_decimal_cell
from app.files.errors import FileRefused
from app.files.table import Table
from app.files.words import empty_if_nothing

HEADER = ("record", "reference", "rna_number", "period", "state", "on", "amount", "details")
RECORDS = ("posting", "rights", "enrolment", "family", "claim")
_RECEIPT = re.compile(r"[0-9]{8,12}", re.ASCII)
_CLAIM = re.compile(r"[A-Z0-9][A-Z0-9/-]{0,15}", re.ASCII)
_FAMILY = re.compile(r"([0-9]) ([0-9]{1,2})", re.ASCII)
_ENROLMENT = ("enrolled", "incomplete", "in_review")
_LONGEST_REASON = 200
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class CnssAnswer:
    """A checked line; the meaning of its fields depends on `record`.

    posting: `reference` is a receipt, `month` one of its months or None for all, `state` posted or
    refused, `details` the reason of a refusal. rights: `details` is the last day, or empty.
    enrolment: `details` is the CNSS number if `state` is enrolled, or the missing parts. family:
    `details` has the numbers of spouses and children. claim: `reference` is its number, `details`
    the day it was filed.
    """

    line: int
    record: str
    reference: str
    rna_number: str
    month: date | None
    state: str
    on: date
    amount: Money | None
    details: str


def read_answers(table: Table, today: date) -> Iterator[CnssAnswer]:
    """Yields every line, checked. Raises: FileRefused for the first wrong line."""
    for line in table.require_rows():
        row = dict(zip(HEADER, map(_spell, HEADER, line.cells), strict=True))
        answer = _read_answer(line.line, row, today)
        _CHECKS[answer.record](answer)
        yield answer


def _spell(name: str, text: str) -> str:
    """Returns a cell in plain writing; one that may be empty is so if it stands for nothing."""
    if name == "details":
        return spell_plainly(text)
    plain = plain_signs(text)
    return plain.casefold() if name in ("record", "state") else empty_if_nothing(plain)


def _read_answer(number: int, row: Mapping[str, str], today: date) -> CnssAnswer:
    if row["record"] not in RECORDS:
        raise _make_refusal(number, "record", f"none of {', '.join(RECORDS)}")
    on = read_day(row["on"])
    if on is None or on > today:
        raise _make_refusal(number, "on", "no day up to today, written YYYY-MM-DD or DD/MM/YYYY")
    month = _read_cell(number, "period", row["period"], _read_month)
    amount = _read_cell(number, "amount", row["amount"], _read_amount)
    return CnssAnswer(
        line=number,
        record=row["record"],
        reference=row["reference"],
        rna_number=_read_person(number, row),
        month=month,
        state=row["state"],
        on=on,
        amount=amount,
        details=_read_details(number, row),
    )


def _read_cell(line: int, name: str, text: str, read: Callable[[str], _Value]) -> _Value | None:
    """Reads a cell that may be empty; a fault is told by the column's name."""
    try:
        return read(text) if text else None
    except InvalidInput as error:
        raise _make_refusal(line, name, str(error.params["why"])) from None


def _read_amount(text: str) -> Money:
    return Money.parse(read_decimal_cell(text))


def _read_number(line: int, name: str, text: str, read: Callable[[str], str]) -> str:
    """Reads a person's number as every door does; an empty field stays empty."""
    try:
        return read(text) if text.strip() else ""
    except InvalidInput as error:
        raise _make_refusal(line, name, str(error.params["why"])) from None


def _read_person(line: int, row: Mapping[str, str]) -> str:
    """Reads the person's number; a posting's receipt is enough, so its number is left as it is."""
    if row["record"] == "posting":
        return row["rna_number"]
    return _read_number(line, "rna_number", row["rna_number"], read_rna_number)


def _read_details(line: int, row: Mapping[str, str]) -> str:
    if row["record"] == "enrolment" and row["state"] == "enrolled":
        number = _read_number(line, "details", row["details"], read_cnss_number)
        if not number:
            raise _make_refusal(line, "details", "not a CNSS number: nine digits")
        return number
    return row["details"] if row["record"] == "posting" else plain_signs(row["details"])


def _make_refusal(line: int, name: str, why: str) -> FileRefused:
    return FileRefused(line=line, why=f"{name}: {why}", fault="column", column=name)


def _check_posting(answer: CnssAnswer) -> None:
    if not _RECEIPT.fullmatch(answer.reference):
        raise _make_refusal(answer.line, "reference", "not a receipt's number")
    if answer.state not in ("posted", "refused"):
        raise _make_refusal(answer.line, "state", "neither posted nor refused")
    if answer.state == "refused" and not 1 <= len(answer.details) <= _LONGEST_REASON:
        raise _make_refusal(
            answer.line, "details", f"no reason of 1 to {_LONGEST_REASON} characters"
        )


def _check_rights(answer: CnssAnswer) -> None:
    _check_person(answer)
    if answer.details and read_day(answer.details) is None:
        raise _make_refusal(answer.line, "details", "not the last day of the rights, nor nothing")


def _check_enrolment(answer: CnssAnswer) -> None:
    _check_person(answer)
    if answer.state not in _ENROLMENT:
        raise _make_refusal(answer.line, "state", f"none of {', '.join(_ENROLMENT)}")
    parts = answer.details.split()
    if answer.state == "incomplete" and (not parts or set(parts) - set(PARTS)):
        raise _make_refusal(answer.line, "details", f"not parts of {', '.join(PARTS)}")


def _check_family(answer: CnssAnswer) -> None:
    _check_person(answer)
    if not _FAMILY.fullmatch(answer.details):
        raise _make_refusal(answer.line, "details", "not the numbers of spouses and children")


def _check_claim(answer: CnssAnswer) -> None:
    _check_person(answer)
    if not _CLAIM.fullmatch(answer.reference):
        raise _make_refusal(answer.line, "reference", "not a claim's number")
    if answer.state not in CLAIM_STATES:
        raise _make_refusal(answer.line, "state", f"none of {', '.join(CLAIM_STATES)}")
    if answer.amount is not None and answer.amount.centimes <= 0:
        raise _make_refusal(answer.line, "amount", "not more than zero")
    if answer.state in ("ready", "paid") and answer.amount is None:
        raise _make_refusal(answer.line, "amount", "missing")
    filed = read_day(answer.details)
    if filed is None or filed > answer.on:
        raise _make_refusal(answer.line, "details", "not the day the claim was filed")


def _check_person(answer: CnssAnswer) -> None:
    if not answer.rna_number:
        raise _make_refusal(answer.line, "rna_number", "missing")


_CHECKS: Mapping[str, Callable[[CnssAnswer], None]] = {
    "posting": _check_posting,
    "rights": _check_rights,
    "enrolment": _check_enrolment,
    "family": _check_family,
    "claim": _check_claim,
}


def read_family(details: str) -> tuple[int, int]:
    """Reads the numbers of spouses and children."""
    match = _FAMILY.fullmatch(details)
    assert match is not None  # checked when the line was read
    return int(match[1]), int(match[2])


def read_day(text: str) -> date | None:
    """Reads a day as files have it; returns None if the text is none."""
    try:
        return date.fromisoformat(read_day_cell(text))
    except InvalidInput:
        return None


def _read_month(text: str) -> date:
    """Reads YYYY-MM, or the first day of the month, which a spreadsheet makes of it."""
    if day := read_day(text):
        if day.day != 1:
            raise InvalidInput(what="month", why="a day within a month: write YYYY-MM")
        return day
    return Month.parse(text).first_day
