"""Numbers that people dial, as sentences name them: `{dial}`, `{dial_code}` ... `{complaints}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.settings import LONGEST_USSD_CODE
from app.text.languages import DEFAULT, LANGUAGES

# What is dialled behind the service's number, by the name of the value that a sentence names.
# tests/journeys/test_dialled_numbers.py dials each of them.
ENTRIES: Mapping[str, str] = MappingProxyType(
    {
        "dial": "",
        "dial_rights": "1",
        "dial_dues": "2",
        "dial_code": "2*1",
        "dial_payments": "3",
        "dial_reimbursements": "4",
        "dial_agencies": "5*1",
        "dial_requests": "5*2*5",
        "dial_news": "5*4*2",
        "dial_language": "5*5*1",
        "dial_reminders": "5*5*2",
        "dial_phones": "5*5*4*4",
        "dial_calls": "5*5*9*7",
    }
)
COMPLAINTS = "complaints"
# The keys that ask to be called back.
CALL_BACK = "5*2*4"
DIALLED_VALUES = frozenset({COMPLAINTS, *ENTRIES})
# Digits, stars and # change places behind Arabic letters. A Latin word before them keeps their
# order, whatever the direction of the line; it means "telephone".
_LATIN_WORD = "Tel"


@dataclass(frozen=True, slots=True)
class DialledNumber:
    """A number to dial or call: `*384*2*1#`."""

    number: str

    def write(self, language: str) -> str:
        """Returns the number; in a language written from right to left, behind a Latin word."""
        entry = LANGUAGES.get(language, LANGUAGES[DEFAULT])
        return f"{_LATIN_WORD} {self.number}" if entry.direction == "rtl" else self.number


def number_with(service_code: str, inputs: str) -> DialledNumber:
    """Returns `*384*2*1#` for the service's number `*384#` and the inputs `2*1`."""
    return DialledNumber(f"{service_code.removesuffix('#')}*{inputs}#" if inputs else service_code)


def dialled_numbers(
    service_code: str, complaints_phone: str
) -> dict[str, Callable[[str], DialledNumber]]:
    """Returns the numbers that any sentence may name, as `Words.shared` keeps them.

    Without a phone for complaints, the number is the one that asks to be called back.
    """
    numbers = {name: number_with(service_code, inputs) for name, inputs in ENTRIES.items()}
    numbers[COMPLAINTS] = (
        DialledNumber(complaints_phone)
        if complaints_phone
        else number_with(service_code, CALL_BACK)
    )
    return {name: lambda _language, number=number: number for name, number in numbers.items()}  # type: ignore[misc]


def longest_numbers() -> dict[str, DialledNumber]:
    """Returns the longest of each number, for the menus' check."""
    longest = f"*{'8' * (LONGEST_USSD_CODE - 2)}#"
    numbers = {name: number_with(longest, inputs) for name, inputs in ENTRIES.items()}
    return {**numbers, COMPLAINTS: number_with(longest, CALL_BACK)}
