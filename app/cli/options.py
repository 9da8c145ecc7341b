"""Reads the options that several commands share, and says what is wrong with a wrong one."""

from __future__ import annotations

from decimal import Decimal

import click

from app.base.errors import InvalidInput
from app.base.identifiers import read_typed_rna_number
from app.base.marks import spell_plainly
from app.base.money import Money
from app.files.recognition import NAMED_ENCODINGS
from app.text.regions import name_region

# The number of a row, as large as the database can hold.
NUMBER = click.IntRange(1, 2**63 - 1)
_MOST = Money(99_999_999_00)
_LONGEST_REASON = 200


class DirhamsParam(click.ParamType[Money]):
    """Reads dirhams, from `least` on, written `163` or `163.52`."""

    name = "DIRHAMS"

    def __init__(self, least: Money) -> None:
        self._least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Money:
        try:
            amount = value if isinstance(value, Money) else Money.parse(str(value))
        except InvalidInput as error:
            self.fail(f"{value!r} is {error.params['why']}.", param, ctx)
        if not self._least <= amount <= _MOST:
            self.fail(f"{value} is not from {self._least} to {_MOST}.", param, ctx)
        return amount


def budget_of(amount: Money | None) -> Decimal | None:
    """Returns a budget in dirhams as a decimal, as segments' prices have parts of a centime."""
    return None if amount is None else Decimal(amount.centimes) / 100


def read_rna(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Returns an RNA number in the register's writing; None if the option is left out."""
    if value is None:
        return None
    try:
        return read_typed_rna_number(value)
    except InvalidInput as error:
        raise click.BadParameter(str(error.params["why"])) from None


def _read_reason(_context: click.Context, _option: click.Parameter, typed: str) -> str:
    if not 1 <= len(reason := typed.strip()) <= _LONGEST_REASON or "\0" in reason:
        raise click.BadParameter(f"1 to {_LONGEST_REASON} characters")
    return reason


# The option of a command that proposes something to a second person.
WHY = click.option(
    "--reason", required=True, callback=_read_reason, help="why, for whoever reads the books"
)

# The option of a command that reads a file of people.
ENCODING = click.option(
    "--encoding",
    type=click.Choice(NAMED_ENCODINGS),
    help="the file's, if it is neither UTF-8 nor UTF-16",
)


def _read_region(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> str | None:
    """Returns a region's one name; an unknown one as the register has it, as it is written."""
    return value and name_region(spell_plainly(value))


REGION = click.option("--region", callback=_read_region, help="of the twelve, in any writing")


def show_note(told: str) -> None:
    """Says on standard error what is not as usual in a file and is no fault."""
    click.echo(f"note: {told}", err=True)


def read_limit(written: str | None) -> Money | None:
    """Reads dirhams; None for an option that was left out. Raises: InvalidInput."""
    if written is None:
        return None
    limit = Money.parse(written)
    if limit.centimes < 0:
        raise InvalidInput(what="limit", why="less than nothing")
    return limit
