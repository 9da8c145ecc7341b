"""An agent's PIN: which are taken, how one is stored, and how a typed one is compared.

app/base/sealed_pins.py says how it is stored.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random

from pydantic import SecretStr

from app.agents.samples import SAMPLE_PIN
from app.base.errors import InvalidInput
from app.base.keys import Keys, Purpose
from app.base.phone import Phone
from app.base.sealed_pins import is_due, is_pin, names_a_key, seal_again, seal_pin
from app.services import Services

FEWEST_DIGITS, MOST_DIGITS = 6, 12
# How long a one-time PIN is good.
ONE_TIME_FOR = timedelta(days=7)
_ONE_TIME_DIGITS = 8
# The ways a finger goes over a keypad in rows, columns and across.
_KEYPAD = {"147", "258", "369", "741", "852", "963", "159", "951", "357", "753"}


def read_agent_pin(typed: str, *numbers: str) -> SecretStr:
    """Returns a new PIN if it is long enough and none that a thief would try first.

    `numbers` are the agent's own, which others know: a PIN made of them is refused too.

    Raises: InvalidInput.
    """
    if not re.fullmatch(rf"[0-9]{{{FEWEST_DIGITS},{MOST_DIGITS}}}", typed, re.ASCII):
        raise InvalidInput(what="pin", why=f"not {FEWEST_DIGITS} to {MOST_DIGITS} digits")
    if is_usual(typed) or any(_is_made_of(typed, number) for number in numbers):
        raise InvalidInput(what="pin", why="too easy: another one, no row, no repeat, no date")
    return SecretStr(typed)


def is_usual(digits: str) -> bool:
    """True for rows, repeats, patterns of the keypad, and what may be a birth date or year."""
    return _is_pattern(digits) or _is_date(digits)


def draw_one_time_pin(random: Random, number: str, phone: Phone | None) -> SecretStr:
    """Draws a PIN with which an agent of this number and phone signs in once, to choose another."""
    while True:
        digits = f"{random.randrange(10**_ONE_TIME_DIGITS):0{_ONE_TIME_DIGITS}d}"
        with suppress(InvalidInput):
            return read_agent_pin(digits, *numbers_of(number, phone))


def numbers_of(number: str, phone: Phone | None) -> list[str]:
    """Lists the numbers of an agent that others know."""
    return [number, phone.e164.removeprefix("+")] if phone else [number]


def store_form(pin: SecretStr, services: Services) -> str:
    """Returns what is stored of a PIN: a slow hash, sealed with today's key."""
    return seal_pin(pin, services.keys, Purpose.AGENT_PIN)


def is_agents_pin(stored: str, pin: SecretStr, services: Services) -> bool:
    """True if `stored` was made of this PIN. Raises: PinKeyUnknown.

    Production knows no sample agent: its PIN is wrong whoever has it.
    """
    fits = is_pin(stored, pin, services.keys, Purpose.AGENT_PIN)
    return fits and (services.samples or pin != SAMPLE_PIN)


def store_form_again(stored: str, pin: SecretStr, services: Services) -> str:
    """Returns the form of a right PIN with today's key; slow only where no key is named."""
    if names_a_key(stored):
        return seal_again(stored, services.keys, Purpose.AGENT_PIN)
    return store_form(pin, services)


def is_outdated(stored: str, services: Services) -> bool:
    """True if a PIN was stored with an older key, or before keys."""
    return is_due(stored, services.keys, Purpose.AGENT_PIN)


@cache
def form_of_nobody(keys: Keys) -> str:
    """Returns a form to compare for an unknown number, so that the answer takes as long as any."""
    return seal_pin(SecretStr("nobody"), keys, Purpose.AGENT_PIN)


def is_over(expires_at: datetime | None, now: datetime) -> bool:
    """True if a one-time PIN is too old."""
    return expires_at is not None and expires_at <= now


def _is_pattern(digits: str) -> bool:
    length = len(digits)
    return (
        len(set(digits)) <= 2
        or _goes_in_steps(digits)
        or digits == digits[::-1]
        or digits[::2] == digits[1::2]
        or any(_repeats(digits, size) for size in range(1, length // 2 + 1))
        or _counts_in_pairs(digits)
        or _is_of_short_rows(digits)
    )


def _goes_in_steps(digits: str) -> bool:
    """True for 123456, 987654, 135791: each digit as far from the one before."""
    return len({(int(after) - int(before)) % 10 for before, after in pairwise(digits)}) == 1


def _repeats(digits: str, size: int) -> bool:
    """True for 123123 and 12121212, with the last part cut or not."""
    return all(digit == digits[place % size] for place, digit in enumerate(digits))


def _counts_in_pairs(digits: str) -> bool:
    """True for 101112 and 102030."""
    if len(digits) % 2:
        return False
    pairs = [int(digits[place : place + 2]) for place in range(0, len(digits), 2)]
    return len({after - before for before, after in pairwise(pairs)}) == 1


def _is_of_short_rows(digits: str) -> bool:
    """True for 456123, 147258 and 111222: rows of three, of the keypad or of one digit."""
    if len(digits) % 3:
        return False
    parts = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    return all(part in _KEYPAD or _is_short_row(part) for part in parts)


def _is_short_row(part: str) -> bool:
    return {int(after) - int(before) for before, after in pairwise(part)} in ({1}, {-1}, {0})


def _is_date(digits: str) -> bool:
    """True if a year of a life stands at an end, or six digits are a day as DDMMYY."""
    year = r"(19[2-9][0-9]|20[0-4][0-9])"
    if re.match(year, digits) or re.search(f"{year}$", digits):
        return True
    return bool(re.fullmatch(r"(0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])[0-9]{2}", digits))


def _is_made_of(digits: str, number: str) -> bool:
    """True if a PIN is the number, its end or beginning, or all of a number of four or more."""
    inside = len(number) >= 4 and number in digits
    return inside or (len(digits) <= len(number) and digits in number)
