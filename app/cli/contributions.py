"""`flask contributions quote`: quotes months as paid on a day."""

import json
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import click

from app.base.clock import local_date, utc_now
from app.base.errors import InvalidInput
from app.base.months import Month, months_between
from app.cli.days import DayParam, MonthParam
from app.contributions import rules
from app.contributions.errors import NotCollectedHere
from app.contributions.rates import RATES

_NUMBER = re.compile(r"\d{1,2}(\.\d{1,4})?", re.ASCII)
_OPTIONS = {
    "category": "'--category'",
    "coefficient": "'--coefficient'",
    "periods": "'--from' / '--to'",
    "on": "'--on'",
}
_PLACES = {
    "tax_administration": (
        "is paid at the tax administration together with the single professional contribution (CPU)"
    ),
    "auto_entrepreneur_tax": "is paid together with the auto-entrepreneur tax",
}


_ELSEWHERE = [letter for letter in RATES.categories if letter not in RATES.collected_here]
_BY_SCALE = [letter for letter, rule in RATES.categories.items() if rule.rule == "scale"]


def _letters(letters: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(letters[:-1]), letters[-1])))


_COEFFICIENT_HELP = (
    f"Needed for category {_letters(_BY_SCALE)}: {' to '.join(map(str, RATES.scale_bounds))}."
)


class _CoefficientParam(click.ParamType[Decimal]):
    name = "NUMBER"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        if not _NUMBER.fullmatch(value) or not Decimal(value):
            self.fail(f"{value!r} is not a number above 0, such as 0.75.", param, ctx)
        return Decimal(value)


@click.group()
def contributions() -> None:
    """Contributions that artisans owe."""


@contributions.command("quote")
@click.option(
    "--category",
    required=True,
    type=str.upper,
    metavar="|".join(RATES.categories),
    help=f"{_letters(RATES.collected_here)} are paid here; {_letters(_ELSEWHERE)} elsewhere.",
)
@click.option("--coefficient", type=_CoefficientParam(), help=_COEFFICIENT_HELP)
@click.option("--from", "first", required=True, type=MonthParam(), help="First month.")
@click.option("--to", "last", required=True, type=MonthParam(), help="Last month, included.")
@click.option(
    "--on",
    type=DayParam(),
    default=lambda: local_date(utc_now()),
    show_default="today in Casablanca",
    help="Day of payment.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs; money with two decimals.")
@click.pass_context
def quote_command(
    ctx: click.Context,
    category: str,
    coefficient: Decimal | None,
    first: Month,
    last: Month,
    on: date,
    as_json: bool,
) -> None:
    """Print amount and penalty of each month from --from to --to, when all are paid --on a day.

    Ends with 1 for a category that pays elsewhere, with 2 for an option that cannot be read.
    """
    if last < first:
        raise click.BadParameter(f"{last} is before --from {first}.", param_hint="'--to'")
    try:
        factor = rules.coefficient_of(category, coefficient)
        if coefficient not in (None, factor):
            why = f"category {category} always has {factor}, not {coefficient}."
            raise click.BadParameter(why, param_hint="'--coefficient'")
        quote = rules.quote(factor, months_between(first, last), on)
    except NotCollectedHere as elsewhere:
        _say_where(elsewhere, as_json)
        ctx.exit(1)
    except InvalidInput as error:
        hint = _OPTIONS[error.params["what"]]
        raise click.BadParameter(f"{error.params['why']}.", param_hint=hint) from None
    click.echo(json.dumps(_as_data(quote)) if as_json else _as_table(quote))


def _say_where(elsewhere: NotCollectedHere, as_json: bool) -> None:
    place = _PLACES[elsewhere.params["collector"]]
    sentence = f"Category {elsewhere.params['category']} {place}: no amount and no code here."
    click.echo(sentence, err=True)
    if as_json:
        error = {"code": elsewhere.code, **elsewhere.params, "message": sentence}
        click.echo(json.dumps({"error": error}))


def _as_data(quote: rules.Quote) -> dict[str, object]:
    lines = [
        {
            "period": str(line.month),
            "due_on": line.due_on.isoformat(),
            "amount": str(line.amount),
            "penalty": str(line.penalty),
        }
        for line in quote.lines
    ]
    return {
        "lines": lines,
        "amount": str(quote.amount),
        "penalty": str(quote.penalty),
        "total": str(quote.total),
    }


def _as_table(quote: rules.Quote) -> str:
    rows = [("month", "due on", "amount", "penalty", "total")]
    rows += [
        (str(line.month), str(line.due_on), str(line.amount), str(line.penalty), str(line.total))
        for line in quote.lines
    ]
    rows.append(("all", "", str(quote.amount), str(quote.penalty), str(quote.total)))
    return "\n".join(
        f"{month:<8} {due:<10} {amount:>10} {penalty:>10} {both:>11}"
        for month, due, amount, penalty, both in rows
    )
