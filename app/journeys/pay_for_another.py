"""Entry 2, for somebody else: RNA number, masked name and amount, a code that both hear of."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from app.base.database import reading
from app.base.money import Money
from app.base.months import Month, Period
from app.enrolment.rules import masked_name, plain_name
from app.enrolment.service import DailyTries, take_try
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.pay import code_values
from app.payments.errors import NothingDue
from app.payments.queries import IssuedCode
from app.payments.third_party import LOOKUPS_A_DAY, find_payable_person, issue_code_for_another
from app.payments.wording import period_words
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.action("find_other_person", "due", "nothing_due", "pays_elsewhere", "unknown", "paused")
def find_other_person(dialogue: Dialogue) -> str:
    """A few look-ups a day: the register is not to be read name by name."""
    phone, number = dialogue.phone, dialogue.answers["other_rna"]
    # The same number again, after a line that broke, is no second look-up.
    tried = blake2b(number.encode(), key=dialogue.services.secret[:64], digest_size=9).hexdigest()
    with begin_operation(dialogue) as operation:
        left = take_try(operation, phone, DailyTries("look_up", LOOKUPS_A_DAY), tried)
    if left is None:
        return "paused"
    with reading(dialogue.services.database) as connection:
        found = find_payable_person(connection, number, dialogue.now)
    if found is None:
        return "unknown"
    name = masked_name(plain_name(found.artisan.full_name))
    if found.owed is None or not found.owed.lines:
        return "pays_elsewhere" if found.owed is None else "nothing_due"
    first, last = found.owed.months[0], found.owed.months[-1]
    total = found.owed.total + dialogue.services.fee
    dialogue.facts["x"] = [found.artisan.id, name, total.centimes, str(first), str(last)]
    return "due"


@vocabulary.source("other_person")
def other_person(dialogue: Dialogue) -> Values:
    _, name, total, first, last = _found(dialogue)
    period = period_words(Period(Month.parse(first), Month.parse(last)))
    return {"name": name, "total": Money(total), "period": period}


@vocabulary.action(
    "issue_code_for_another", "issued", "nothing_due", by_sms=own_message_when("issued")
)
def issue_for_another(dialogue: Dialogue) -> str:
    try:
        with begin_operation(dialogue, "payer") as operation:
            code = issue_code_for_another(
                operation,
                dialogue.services,
                _found(dialogue)[0],
                dialogue.phone,
                dialogue.language,
            )
    except NothingDue:
        return "nothing_due"
    months = str(code.period.first), str(code.period.last)
    expires = int(code.expires_at.timestamp())
    dialogue.facts["xc"] = [code.code, code.total.centimes, *months, expires]
    return "issued"


@vocabulary.source("code_for_another")
def code_for_another(dialogue: Dialogue) -> Values:
    if "xc" not in dialogue.facts:
        raise NothingToShow()
    code, total, first, last, expires = dialogue.facts["xc"]
    period = Period(Month.parse(first), Month.parse(last))
    made = IssuedCode(code, Money(total), period, datetime.fromtimestamp(expires, UTC))
    return {**code_values(made), "name": _found(dialogue)[1]}


def _found(dialogue: Dialogue) -> list[Any]:
    found: list[Any] | None = dialogue.facts.get("x")
    if found is None:
        raise NothingToShow()
    return found
