"""Finds artisans by what a person types: RNA number, birth date.

Many keypads have no letters. Digits alone, `202300017`, find `RNA/2023-00017` where no other number
can be meant: none is written so, and one person alone has these digits.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, Connection, func, or_, select

from app.enrolment.birth_dates import BirthDate
from app.enrolment.models import artisan, number_digits, number_has_signs

_FEWEST_DIGITS = 4


def find_numbered_artisan(
    connection: Connection, rna_number: str, *conditions: ColumnElement[bool]
) -> int | None:
    """Returns the artisan of a typed RNA number who meets the conditions, or None.

    `rna_number` is in the register's writing (`read_typed_rna_number`).
    """
    # A double leads to the entry into which it was merged.
    leads_to = func.coalesce(artisan.c.merged_into, artisan.c.id)
    exact = select(leads_to).where(artisan.c.rna_number == rna_number, *conditions)
    found = connection.execute(exact).scalar()
    if found is not None or not rna_number.isdecimal() or len(rna_number) < _FEWEST_DIGITS:
        return found
    alike = select(leads_to).where(number_digits == rna_number, number_has_signs, *conditions)
    ids = connection.execute(alike.limit(2)).scalars().all()
    return ids[0] if len(ids) == 1 else None


def is_born(birth_date: BirthDate) -> ColumnElement[bool]:
    """Selects the artisans of a birth date.

    Of whom the year alone is known, any day of it is right. A year alone is no one else's.
    """
    if isinstance(birth_date, date):
        columns = artisan.c
        return or_(columns.birth_date == birth_date, columns.birth_year == birth_date.year)
    return artisan.c.birth_year == birth_date
