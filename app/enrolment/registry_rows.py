"""Checks and normalises one row of the ministry's file. Pure.

A row that cannot be used raises BadRow with all its faults, each naming its field.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache

from app.base.errors import InvalidInput
from app.base.identifiers import plain_signs, plain_writing, read_cnss_number, read_rna_number
from app.base.keys import Keys
from app.base.marks import UNSEEN, spell_plainly
from app.base.money import Money
from app.base.phone import Phone
from app.base.spreadsheets import find_cell_error, find_damage, is_nothing, take_text_mark
from app.contributions.rates import RATES
from app.enrolment.birth_dates import EARLIEST_YEAR, read_birth_date_cell
from app.enrolment.rules import cin_digest, earlier_cin_digests
from app.files.days import read_day_cell
from app.files.decimals import read_decimal_cell
from app.files.lines import BadRow
from app.files.words import empty_if_nothing, find_lost_letters
from app.text.languages import LANGUAGES
from app.text.regions import name_region

Stored = str | bytes | None
_Read = Callable[[str], str | None]
MAX_TEXT = 80
EARLIEST_BIRTH = f"{EARLIEST_YEAR}-01-01"

# The first characters of what `find_cell_error` finds; most names have others.
_BEGINS_AN_ERROR = frozenset("#=@<(\\nNuU")
_CIN_NOISE = re.compile(r"[\s.-]+")
_USUAL_CIN = re.compile(r"[A-Z]{1,2}[0-9]{5,6}")
_CIN = re.compile(r"(?=[A-Z]*[0-9])[A-Z0-9]{3,12}")
_DECIMAL = re.compile(r"\d{1,2}(\.\d{1,2}0*)?", re.ASCII)
_PHONE = re.compile(r"[(\[]?[+]?[0-9 ()\[\]./-]+")
_PHONE_NOISE = re.compile(r"[ ()\[\]./-]+")
_SEVERAL_PHONES = re.compile(
    r"[0-9][^0-9]*(?:[/;,|&]|\bet\b|\bou\b|\s-\s)[^0-9]*[0-9]", re.IGNORECASE
)
_USUAL_PHONE = re.compile(r"(?:0|\+212)([67][0-9]{8})")
_NATIONAL_MOBILE = re.compile(r"0[67]\d{8}", re.ASCII)
_MOROCCAN = re.compile(r"\+212[5-9]\d{8}", re.ASCII)


def parse_row(fields: Sequence[str], keys: Keys, today: date) -> list[Stored]:
    """Returns the values to store, in the order of FIELDS: days as ISO text, money in centimes.

    A digest is stored in place of the CIN.
    Raises: BadRow, naming all fields at fault.
    """
    if len(fields) != len(FIELDS):
        raise BadRow(f"row: {len(fields)} fields, wanted {len(FIELDS)}")
    if not any(fields):
        raise BadRow("row: all its fields are empty")
    values: list[Stored] = []
    faults: list[str] = []
    for (name, read, read_usual), field in zip(_READERS, fields, strict=True):
        try:
            values.append(read_usual(field) if field else read(field))
        except InvalidInput:
            value, why = _read_again(read, field)
            values.append(value)
            if why:
                faults.append(f"{name}: {why}")
    values[_CIN_AT] = cin_digest(str(cin), keys) if (cin := values[_CIN_AT]) else None
    faults += _check_together(values, fields, today.isoformat())
    if faults:
        raise BadRow("; ".join(faults))
    return values


def read_earlier_cins(fields: Sequence[str], keys: Keys) -> list[bytes] | None:
    """Returns the forms in which a good row's CIN may be stored from before, if it has one."""
    _, read, _ = _READERS[_CIN_AT]
    cin = read(fields[_CIN_AT])
    return earlier_cin_digests(str(cin), keys) if cin else None


def _read_again(read: _Read, field: str) -> tuple[str | None, str | None]:
    """Returns the value of an unusual field, perhaps without its shapeless marks, or its fault."""
    bare = UNSEEN.sub("", field).strip()
    for text in dict.fromkeys((field, bare)):
        try:
            return read(text), None
        except InvalidInput as fault:
            why = str(fault.params["why"])
    return None, find_cell_error(bare) or why


def _check_together(values: list[Stored], fields: Sequence[str], today: str) -> list[str]:
    """Lists the faults of fields taken together; sets the coefficient in `values`."""
    faults = []
    born, enrolled = str(values[BORN_AT] or ""), str(values[_ENROLLED_AT] or "")
    rights = str(values[_RIGHTS_AT] or "")
    # A year alone, `1962`, compares as a day before its first.
    if born and not EARLIEST_BIRTH[: len(born)] <= born <= today:
        faults.append(f"birth_date: {born} is not from {EARLIEST_BIRTH} to today")
    if enrolled > today:
        faults.append(f"enrolled_on: {enrolled} is in the future")
    if enrolled and enrolled < born:
        faults.append(f"enrolled_on: {enrolled} is before birth_date")
    if rights and rights < enrolled:
        faults.append(f"rights_until: {rights} is before enrolled_on")
    try:
        cell = fields[_COEFFICIENT_AT]
        values[_COEFFICIENT_AT] = _read_coefficient(values[_CATEGORY_AT], cell)
    except InvalidInput as fault:
        faults.append(f"coefficient: {fault.params['why']}")
    return faults


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(what="field", why=why)


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def _require(read: _Read) -> tuple[_Read, _Read]:
    def reading(text: str) -> str | None:
        if not text:
            raise _invalid("missing")
        return read(text)

    return reading, read


def _allow_empty(read: _Read) -> tuple[_Read, _Read]:
    def reading(text: str) -> str | None:
        try:
            return read(text) if text else None
        except InvalidInput:
            if is_nothing(text):
                return None
            raise

    return reading, read


def _read_cin(text: str) -> str:
    """Normalises a CIN for comparing; the reason of a fault never shows it (law 09-08)."""
    if _USUAL_CIN.fullmatch(text):
        return text
    written = take_text_mark(plain_signs(text))
    if damage := find_damage(written):
        raise _invalid(damage)
    bare = _CIN_NOISE.sub("", written).upper()
    if not _CIN.fullmatch(bare):
        raise _invalid("not 3 to 12 letters and digits")
    return bare


def _read_text(text: str) -> str | None:
    """Spells text plainly, as a phone's screen needs it; None for what stands for nothing."""
    text = empty_if_nothing(spell_plainly(text))
    if text[:1] in _BEGINS_AN_ERROR and (error := find_cell_error(text)):
        raise _invalid(error)
    if "?" in text and (lost := find_lost_letters(text)):
        raise _invalid(lost)
    if len(text) > MAX_TEXT:
        raise _invalid(f"longer than {MAX_TEXT} characters")
    return text or None


# Trades, regions and provinces are few.
_read_repeated_text = lru_cache(maxsize=10_000)(_read_text)


@lru_cache(maxsize=10_000)
def _read_region(text: str) -> str | None:
    """Returns a region's one name, by which a chamber sees its own; an unknown one as written."""
    region = _read_text(text)
    return region and name_region(region)


def _read_name(text: str) -> str:
    name = _read_text(text)
    if name is None:
        raise _invalid("missing")
    return name


def _read_phone(text: str) -> str:
    if usual := _USUAL_PHONE.fullmatch(text):
        return f"+212{usual[1]}"
    if not _PHONE.fullmatch(text):
        text = _mend_phone(text)
    bare = _PHONE_NOISE.sub("", text)
    # Most are written nationally: they skip the numbering library's 50 microseconds.
    try:
        number = Phone.parse(f"+212{bare[1:]}" if _NATIONAL_MOBILE.fullmatch(bare) else bare).e164
    except InvalidInput:
        raise _invalid(_find_phone_fault(text)) from None
    if number.startswith("+212") and not _MOROCCAN.fullmatch(number):
        raise _invalid("not a phone number")
    return number


def _mend_phone(text: str) -> str:
    """Returns the number in plain writing. Raises: InvalidInput, which shows nothing of it."""
    written = take_text_mark(plain_signs(text))
    if not _PHONE.fullmatch(written):
        raise _invalid(_find_phone_fault(written))
    return written


def _find_phone_fault(written: str) -> str:
    if damage := find_damage(written):
        return damage
    if _SEVERAL_PHONES.search(written) and len(re.findall("[0-9]", written)) > 15:
        return "two numbers in one cell: one number a cell"
    return "not a phone number"


def _read_one_of(known: tuple[str, ...]) -> _Read:
    by_small_letters = {word.casefold(): word for word in known}

    @lru_cache(maxsize=1000)
    def reading(text: str) -> str:
        if text in known:
            return text
        word = by_small_letters.get(plain_signs(text).casefold())
        if word is None:
            raise _invalid(f"{_excerpt(text)} is not one of {', '.join(known)}")
        return word

    return reading


@lru_cache(maxsize=10_000)
def _read_coefficient(category: Stored, cell: str) -> str | None:
    """Returns the artisan's own coefficient if the category has a scale, else None."""
    text = empty_if_nothing(plain_writing(cell))
    if not isinstance(category, str):
        return None
    number = read_decimal_cell(text) if text[:1].isdigit() else text
    coefficient = Decimal(number) if _DECIMAL.fullmatch(number) else None
    rule = RATES.categories[category]
    if rule.rule == "fixed" and text and coefficient != rule.coefficient:
        raise _invalid(f"{_excerpt(text)} is not {rule.coefficient}, as category {category} has")
    if rule.rule != "scale":
        return None
    low, high = RATES.scale_bounds
    if coefficient is None or not low <= coefficient <= high:
        raise _invalid(f"{_excerpt(text)} is not from {low} to {high} with at most two decimals")
    return number


def _read_centimes(text: str) -> str:
    number = read_decimal_cell(text)
    if number.startswith("-"):
        raise _invalid("below 0")
    return str(Money.parse(number).centimes)


# How each cell is read, and how one that has content is tried first: most are as usual.
_READERS: tuple[tuple[str, _Read, _Read], ...] = (
    ("rna_number", *_require(read_rna_number)),
    ("cnss_number", *_allow_empty(read_cnss_number)),
    ("cin", *_allow_empty(_read_cin)),
    ("full_name", _read_name, _read_name),
    ("full_name_ar", _read_text, _read_text),
    ("birth_date", *_require(read_birth_date_cell)),
    ("phone", *_allow_empty(_read_phone)),
    ("language", *_require(_read_one_of(tuple(LANGUAGES)))),
    ("category", *_require(_read_one_of(tuple(RATES.categories)))),
    ("coefficient", str, str),  # read with the category
    ("annual_tax", *_allow_empty(_read_centimes)),
    ("trade", _read_repeated_text, _read_repeated_text),
    ("region", _read_region, _read_region),
    ("province", _read_repeated_text, _read_repeated_text),
    ("enrolled_on", *_allow_empty(read_day_cell)),
    ("rights_until", *_allow_empty(read_day_cell)),
)
FIELDS = tuple(name for name, _, _ in _READERS)
_CIN_AT = FIELDS.index("cin")
BORN_AT = FIELDS.index("birth_date")
_CATEGORY_AT = FIELDS.index("category")
_COEFFICIENT_AT = FIELDS.index("coefficient")
_ENROLLED_AT = FIELDS.index("enrolled_on")
_RIGHTS_AT = FIELDS.index("rights_until")
REGION_AT = FIELDS.index("region")
# The cells of days, whose order of day and month a file shows.
DAYS_AT = (BORN_AT, _ENROLLED_AT, _RIGHTS_AT)
