"""A phone number in E.164 that never prints whole by accident."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

from app.base.errors import InvalidInput

_MOROCCAN_MOBILE = re.compile(r"\+212[67]\d{8}", re.ASCII)
_FULL_NUMBER = re.compile(r"\+\d{8,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Phone:
    """`e164` is the number to store and dial; printing shows only the ends (law 09-08)."""

    e164: str

    @classmethod
    def parse(cls, text: str) -> Phone:
        """Reads international or Moroccan national writing (`06 00 00 00 01`).

        Raises: InvalidInput.
        """
        text = text.strip()
        if _MOROCCAN_MOBILE.fullmatch(text):
            return cls(text)
        try:
            number = phonenumbers.parse(text, "MA")
        except phonenumbers.NumberParseException:
            raise InvalidInput(what="phone", why="not a phone number") from None
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if not phonenumbers.is_possible_number(number) or not _FULL_NUMBER.fullmatch(e164):
            raise InvalidInput(what="phone", why="not a phone number")
        return cls(e164)

    @property
    def masked(self) -> str:
        """The number as `+2126…01`: enough to recognise, too little to call."""
        return f"{self.e164[:5]}…{self.e164[-2:]}"

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Phone({self.masked})"
