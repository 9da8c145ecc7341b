"""Writes values for a phone: ordinary digits and spaces, nothing invisible.

Library formats bring narrow and no-break spaces, and one of them turns a GSM-7 text into UCS-2
(docs/rules.md, Networks): so money, dates and codes are written here.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from app.base.clock import local
from app.base.money import Money
from app.base.months import Month
from app.text.dialled import DialledNumber
from app.text.languages import DEFAULT, LANGUAGES

_DEFAULT_LANGUAGE = LANGUAGES[DEFAULT]


def money(value: Money, language: str) -> str:
    """`163,52 DH`, in Arabic script `163.52 درهم`, in Tifinagh `163.52 ⴷⵔⵀⵎ`."""
    entry = LANGUAGES.get(language, _DEFAULT_LANGUAGE)
    return f"{str(value).replace('.', entry.decimal_mark)} {entry.dirham}"


def day(value: date, _language: str) -> str:
    """`30/11/2026`."""
    return f"{value.day:02d}/{value.month:02d}/{value.year}"


def short_day(value: date, _language: str) -> str:
    """`30/11`."""
    return f"{value.day:02d}/{value.month:02d}"


def moment(value: datetime, _language: str) -> str:
    """`30/11 17:20`, on a clock in Morocco."""
    at = local(value)
    return f"{at.day:02d}/{at.month:02d} {at.hour:02d}:{at.minute:02d}"


def month(value: Month, _language: str) -> str:
    """`11/2026`."""
    return f"{value.month:02d}/{value.year}"


def short_month(value: Month, _language: str) -> str:
    """`11/26`."""
    return f"{value.month:02d}/{value.year % 100:02d}"


def code(value: str, _language: str) -> str:
    """`4821 7305 9614`: three groups of four."""
    return " ".join(value[start : start + 4] for start in range(0, len(value), 4))


# The formats a sentence may name, as in `{until:short}`.
FORMATS: dict[str, Callable[[Any, str], str]] = {
    "money": money,
    "day": day,
    "short": short_day,
    "moment": moment,
    "month": month,
    "my": short_month,
    "code": code,
}


def write_value(value: object, language: str) -> str:
    """Writes a value whose sentence names no format, by its type."""
    if isinstance(value, Money):
        return money(value, language)
    if isinstance(value, Month):
        return month(value, language)
    if isinstance(value, datetime):
        return moment(value, language)
    if isinstance(value, date):
        return day(value, language)
    if isinstance(value, DialledNumber):
        return value.write(language)
    return str(value)
