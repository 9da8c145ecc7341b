"""Entry 2, for somebody else: RNA number, masked name and amount, a code that both hear of."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from app.base.database import reading, transaction
from app.base.money import Money
from app.base.months import Month
from app.enrolment.rules import masked_name, plain_name
from app.enrolment.service import take_try
from app.journeys.desk import Conversation, own_message_when, vocabulary
from app.journeys.pay import code_values
from app.payments.errors import NothingDue
from app.payments.payers import LOOKUPS_A_DAY, find_payable_person, issue_code_for_another
from app.payments.queries import IssuedCode
from app.payments.wording import period_words
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.action("find_other_person", "due", "nothing_due", "pays_elsewhere", "unknown", "paused")
def find_other_person(talk: Conversation) -> str:
    """A few look-ups a day: the register is not to be read name by name."""
    phone, number = talk.phone, talk.kept["other_rna"]
    # The same number again, after a line that broke, is no second look-up.
    tried = blake2b(number.encode(), key=talk.desk.secret[:64], digest_size=9).hexdigest()
    with transaction(talk.desk.database) as connection:
        left = take_try(connection, phone, "look_up", LOOKUPS_A_DAY, tried, talk.now)
    if left is None:
        return "paused"
    with reading(talk.desk.database) as connection:
        found = find_payable_person(connection, number, talk.now)
    if found is None:
        return "unknown"
    name = masked_name(plain_name(found.artisan.full_name))
    if found.owed is None or not found.owed.lines:
        return "pays_elsewhere" if found.owed is None else "nothing_due"
    first, last = found.owed.periods[0], found.owed.periods[-1]
    total = found.owed.total + talk.desk.fee
    talk.facts["x"] = [found.artisan.id, name, total.centimes, str(first), str(last)]
    return "due"


@vocabulary.source("other_person")
def other_person(talk: Conversation) -> Values:
    _, name, total, first, last = _found(talk)
    period = period_words(Month.parse(first), Month.parse(last))
    return {"name": name, "total": Money(total), "period": period}


@vocabulary.action(
    "issue_code_for_another", "issued", "nothing_due", by_sms=own_message_when("issued")
)
def issue_for_another(talk: Conversation) -> str:
    try:
        with transaction(talk.desk.database) as connection:
            code = issue_code_for_another(
                connection,
                _found(talk)[0],
                talk.phone,
                talk.language,
                fee=talk.desk.fee,
                words=talk.desk.words,
                random=talk.desk.random,
                now=talk.now,
            )
    except NothingDue:
        return "nothing_due"
    months, expires = [str(code.first), str(code.last)], int(code.expires_at.timestamp())
    talk.facts["xc"] = [code.code, code.total.centimes, *months, expires]
    return "issued"


@vocabulary.source("code_for_another")
def code_for_another(talk: Conversation) -> Values:
    if "xc" not in talk.facts:
        raise NothingToShow()
    code, total, first, last, expires = talk.facts["xc"]
    months = Month.parse(first), Month.parse(last)
    made = IssuedCode(code, Money(total), *months, datetime.fromtimestamp(expires, UTC))
    return {**code_values(made), "name": _found(talk)[1]}


def _found(talk: Conversation) -> list[Any]:
    found: list[Any] | None = talk.facts.get("x")
    if found is None:
        raise NothingToShow()
    return found
