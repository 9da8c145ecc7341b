"""Payment codes and receipt numbers: how they are made and read. Pure."""

import re
import unicodedata
from random import Random

from stdnum import damm

from app.payments.errors import CodeMistyped

CODE_LENGTH = 12
_GROUPING = re.compile(r"[\W_]+")


def draw_code(random: Random) -> str:
    """A new payment code: 11 random digits, the first 1-9, then a Damm check digit.

    `random` is the runtime's secure source; a Damm digit finds every single wrong digit and
    every swap of neighbours (contract section 4).
    """
    body = str(random.randrange(10 ** (CODE_LENGTH - 2), 10 ** (CODE_LENGTH - 1)))
    return body + damm.calc_check_digit(body)


def read_code(typed: str) -> str:
    """The twelve digits of a code typed or pasted in any grouping and any script's digits.

    CodeMistyped before any query when it cannot be a code.
    """
    digits = _GROUPING.sub("", "".join(map(_ordinary, typed)))
    if not re.fullmatch(r"[1-9][0-9]{11}", digits) or not damm.is_valid(digits):
        raise CodeMistyped()
    return digits


def receipt_number(serial: int) -> str:
    """A receipt's number: its serial and a Damm check digit."""
    return f"{serial}{damm.calc_check_digit(str(serial))}"


def _ordinary(letter: str) -> str:
    if unicodedata.category(letter) == "Cf":  # direction marks that come along when pasting
        return ""
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)
