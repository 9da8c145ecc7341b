"""Entry 2, for another person: RNA number, masked name and amount, a code that both are sent."""

from __future__ import annotations

from hashlib import blake2b

from app.base.database import reading
from app.enrolment.rules import masked_name, plain_name
from app.enrolment.service import DailyTries, take_try
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.facts import OtherPerson
from app.journeys.pay import describe_code
from app.payments.errors import NothingDue
from app.payments.third_party import LOOKUPS_A_DAY, find_payable_person, issue_code_for_another
from app.payments.wording import period_words
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.action("find_other_person", "due", "nothing_due", "pays_elsewhere", "unknown", "paused")
def find_other_person(dialogue: Dialogue) -> str:
    """Finds the person of the RNA number typed; a phone has a few look-ups a day.

    The register is not to be read name by name.
    """
    if (number := dialogue.answers.other_rna) is None:
        raise NothingToShow()
    if not _count_lookup(dialogue, number):
        return "paused"
    with reading(dialogue.services.database) as connection:
        person = find_payable_person(connection, number, dialogue.now)
    if person is None:
        return "unknown"
    if person.owed is None or not person.owed.lines:
        return "pays_elsewhere" if person.owed is None else "nothing_due"
    dialogue.facts.other_person = OtherPerson(
        person.artisan.id,
        masked_name(plain_name(person.artisan.full_name)),
        person.owed.total + dialogue.services.fee,
        person.owed.period,
    )
    return "due"


def _count_lookup(dialogue: Dialogue, number: str) -> bool:
    """Counts a look-up of this phone. Returns False if it has used them up today.

    The same number again, after a line that broke, is no second look-up.
    """
    key = dialogue.services.secret[:64]
    digest = blake2b(number.encode(), key=key, digest_size=9).hexdigest()
    with begin_operation(dialogue) as operation:
        tries = DailyTries("look_up", LOOKUPS_A_DAY)
        return take_try(operation, dialogue.phone, tries, digest) is not None


@vocabulary.source("other_person")
def describe_other_person(dialogue: Dialogue) -> Values:
    person = _get_other_person(dialogue)
    period = period_words(person.period)
    return {"name": person.name, "total": person.total, "period": period}


@vocabulary.action(
    "issue_code_for_another", "issued", "nothing_due", by_sms=own_message_when("issued")
)
def issue_code_for_other_person(dialogue: Dialogue) -> str:
    person = _get_other_person(dialogue)
    try:
        with begin_operation(dialogue, "payer") as operation:
            dialogue.facts.code_for_another = issue_code_for_another(
                operation,
                dialogue.services,
                person.artisan_id,
                dialogue.phone,
                dialogue.language,
            )
    except NothingDue:
        return "nothing_due"
    return "issued"


@vocabulary.source("code_for_another")
def describe_code_for_another(dialogue: Dialogue) -> Values:
    if (code := dialogue.facts.code_for_another) is None:
        raise NothingToShow()
    return {**describe_code(code), "name": _get_other_person(dialogue).name}


def _get_other_person(dialogue: Dialogue) -> OtherPerson:
    if (person := dialogue.facts.other_person) is None:
        raise NothingToShow()
    return person
