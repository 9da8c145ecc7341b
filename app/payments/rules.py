"""Makes and reads payment codes and receipt numbers. Pure."""

import re
import unicodedata
from random import Random

from stdnum import damm

from app.payments.errors import CodeMistyped

CODE_LENGTH = 12
# A restore begins the next: codes live a week, and nobody restores seven times in one.
CODE_SERIES = 7
_GROUPING = re.compile(r"[\W_]+")


def draw_code(random: Random, series: int = 0) -> str:
    """Draws a payment code: 11 random digits, the first 1-9, then a Damm check digit.

    `random` is the runtime's secure source. Those of one series leave the same remainder: no code
    of another is among them, and each digit is as random. A Damm digit detects every single wrong
    digit and every swap of two neighbours (docs/contract.md, Payments API).
    """
    lowest = 10 ** (CODE_LENGTH - 2)
    lowest += (series - lowest) % CODE_SERIES
    body = str(random.randrange(lowest, 10 ** (CODE_LENGTH - 1), CODE_SERIES))
    return body + damm.calc_check_digit(body)


def read_code(typed: str) -> str:
    """Returns the twelve digits of a code typed in any grouping and in any script's digits.

    Raises: CodeMistyped for text that cannot be a code; no query is needed to know.
    """
    digits = _GROUPING.sub("", "".join(map(_plain_digit, typed)))
    if not re.fullmatch(r"[1-9][0-9]{11}", digits) or not damm.is_valid(digits):
        raise CodeMistyped()
    return digits


def receipt_number(serial: int) -> str:
    """Returns a receipt's number: its serial and a Damm check digit."""
    return f"{serial}{damm.calc_check_digit(str(serial))}"


def _plain_digit(letter: str) -> str:
    if unicodedata.category(letter) == "Cf":  # direction marks, which pasted text may hold
        return ""
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)
