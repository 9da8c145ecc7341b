"""CNSS's answer: postings, rights, enrolment, family and reimbursements, a line each. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app.base.errors import InvalidInput
from app.base.money import Money
from app.base.months import Month
from app.claims.models import STATES as CLAIM_STATES
from app.enrolment.models import PARTS
from app.reconciliation.csv_lines import rows_of
from app.reconciliation.errors import FileRefused

HEADER = ("record", "reference", "rna_number", "period", "state", "on", "amount", "details")
RECORDS = ("posting", "rights", "enrolment", "family", "claim")
_RECEIPT = re.compile(r"[0-9]{8,12}", re.ASCII)
_CLAIM = re.compile(r"[A-Z0-9][A-Z0-9/-]{0,15}", re.ASCII)
_RNA = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,31}", re.ASCII)
_FAMILY = re.compile(r"([0-9]) ([0-9]{1,2})", re.ASCII)
_CNSS_NUMBER = re.compile(r"[0-9]{9}", re.ASCII)
_ENROLMENT = ("enrolled", "incomplete", "in_review")
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class CnssAnswer:
    """One line, checked. What each field means is told by `record`:

    posting: `reference` a receipt, `month` one of it or None for all, `state` posted or refused,
    `details` why refused. rights: `details` the last day, or nothing for none. enrolment: `state`,
    `details` the CNSS number of who is enrolled, or the missing parts. family: `details` spouses
    and children. claim: `reference` its number, `state`, `amount`, `details` the day it was filed.
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


def read_answers(path: Path, today: date) -> Iterator[CnssAnswer]:
    """Every line, checked; FileRefused names the first that is wrong."""
    for number, fields in rows_of(path, HEADER):
        record, reference, rna_number, period, state, on, amount, details = fields
        refuse = _refusing(number)
        if record not in RECORDS:
            raise refuse("record", f"none of {', '.join(RECORDS)}")
        day = _day(on)
        if day is None or day > today:
            raise refuse("on", "no day up to today, written YYYY-MM-DD")
        try:
            month = Month.parse(period).first_day if period else None
            money = Money.parse(amount) if amount else None
        except InvalidInput as error:
            raise refuse(str(error.params["what"]), str(error.params["why"])) from None
        answer = CnssAnswer(
            number, record, reference, rna_number, month, state, day, money, details.strip()
        )
        _CHECKS[record](answer, refuse)
        yield answer


_Refusing = Callable[[str, str], FileRefused]


def _refusing(number: int) -> _Refusing:
    return lambda name, why: FileRefused(line=number, why=f"{name}: {why}")


def _posting(answer: CnssAnswer, refuse: _Refusing) -> None:
    if not _RECEIPT.fullmatch(answer.reference):
        raise refuse("reference", "not a receipt's number")
    if answer.state not in ("posted", "refused"):
        raise refuse("state", "neither posted nor refused")
    if answer.state == "refused" and not 1 <= len(answer.details) <= _LONGEST_REASON:
        raise refuse("details", f"no reason of 1 to {_LONGEST_REASON} characters")


def _rights(answer: CnssAnswer, refuse: _Refusing) -> None:
    _person(answer, refuse)
    if answer.details and _day(answer.details) is None:
        raise refuse("details", "not the last day of the rights, nor nothing")


def _enrolment(answer: CnssAnswer, refuse: _Refusing) -> None:
    _person(answer, refuse)
    if answer.state not in _ENROLMENT:
        raise refuse("state", f"none of {', '.join(_ENROLMENT)}")
    parts = answer.details.split()
    if answer.state == "incomplete" and (not parts or set(parts) - set(PARTS)):
        raise refuse("details", f"not parts of {', '.join(PARTS)}")
    if answer.state == "enrolled" and not _CNSS_NUMBER.fullmatch(answer.details):
        raise refuse("details", "not a CNSS number: nine digits")


def _family(answer: CnssAnswer, refuse: _Refusing) -> None:
    _person(answer, refuse)
    if not _FAMILY.fullmatch(answer.details):
        raise refuse("details", "not the numbers of spouses and children")


def _claim(answer: CnssAnswer, refuse: _Refusing) -> None:
    _person(answer, refuse)
    if not _CLAIM.fullmatch(answer.reference):
        raise refuse("reference", "not a claim's number")
    if answer.state not in CLAIM_STATES:
        raise refuse("state", f"none of {', '.join(CLAIM_STATES)}")
    if answer.amount is not None and answer.amount.centimes <= 0:
        raise refuse("amount", "not more than zero")
    if answer.state in ("ready", "paid") and answer.amount is None:
        raise refuse("amount", "missing")
    filed = _day(answer.details)
    if filed is None or filed > answer.on:
        raise refuse("details", "not the day the claim was filed")


def _person(answer: CnssAnswer, refuse: _Refusing) -> None:
    if not _RNA.fullmatch(answer.rna_number):
        raise refuse("rna_number", "not one")


_CHECKS: dict[str, Callable[[CnssAnswer, _Refusing], None]] = {
    "posting": _posting,
    "rights": _rights,
    "enrolment": _enrolment,
    "family": _family,
    "claim": _claim,
}


def family_of(details: str) -> tuple[int, int]:
    """Spouses and children."""
    found = _FAMILY.fullmatch(details)
    assert found is not None  # checked when it was read
    return int(found[1]), int(found[2])


def day_of(text: str) -> date | None:
    """The day in `details`, where it holds one."""
    return _day(text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
