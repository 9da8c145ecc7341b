"""Entry 2, for another person: RNA number, masked name and amount, a code that both are sent."""

from __future__ import annotations

from app.base.keys import Purpose
from app.contributions.errors import NotCollectedHere
from app.enrolment.rules import masked_name, plain_name
from app.enrolment.service import DailyTries, take_try
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.facts import OtherPerson
from app.journeys.pay import describe_shown_code
from app.payments.codes import CodeRequest
from app.payments.errors import NothingDue, TermsChanged
from app.payments.third_party import LOOKUPS_A_DAY, issue_code_for_another, look_up_payable
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
    return _read_other_person(dialogue, number)


def _read_other_person(dialogue: Dialogue, number: str) -> str:
    """Stores what the code for the person of the number costs, and returns the outcome."""
    services = dialogue.services
    with begin_operation(dialogue, "payer") as operation:
        person = look_up_payable(operation, services, dialogue.phone, number)
    if person is None:
        return "unknown"
    if person.terms is None:
        return "nothing_due" if person.collected else "pays_elsewhere"
    dialogue.facts.other_person = OtherPerson(
        person.artisan.id,
        masked_name(plain_name(person.artisan.full_name)),
        person.terms.total,
        person.terms.period,
    )
    return "due"


def _count_lookup(dialogue: Dialogue, number: str) -> bool:
    """Counts a look-up of this phone. Returns False if it has used them up today.

    The same number again, after a line that broke, is no second look-up.
    """
    digest = dialogue.services.keys.today(Purpose.LOOK_UP).sign(number.encode()).hex()[:18]
    with begin_operation(dialogue) as operation:
        tries = DailyTries("look_up", LOOKUPS_A_DAY)
        return take_try(operation, dialogue.phone, tries, digest) is not None


@vocabulary.source("other_person")
def describe_other_person(dialogue: Dialogue) -> Values:
    person = _get_other_person(dialogue)
    period = period_words(person.period)
    return {"name": person.name, "total": person.total, "period": period}


@vocabulary.action(
    "issue_code_for_another",
    "issued",
    "changed",
    "nothing_due",
    "pays_elsewhere",
    "unknown",
    by_sms=own_message_when("issued"),
)
def issue_code_for_other_person(dialogue: Dialogue) -> str:
    """Issues the code that the payer agreed to; what changed meanwhile is asked again."""
    person = _get_other_person(dialogue)
    terms = person.terms
    request = CodeRequest(
        person.artisan_id,
        dialogue.phone,
        dialogue.language,
        through=terms.period.last,
        agreed=terms,
    )
    try:
        with begin_operation(dialogue, "payer") as operation:
            code = issue_code_for_another(operation, dialogue.services, request)
    except (NothingDue, NotCollectedHere, TermsChanged):
        outcome = _read_other_person(dialogue, dialogue.answers.other_rna or "")
        return "changed" if outcome == "due" else outcome
    dialogue.facts.code_for_another = code
    return "issued"


@vocabulary.source("code_for_another")
def describe_code_for_another(dialogue: Dialogue) -> Values:
    if (code := dialogue.facts.code_for_another) is None:
        raise NothingToShow()
    return {**describe_shown_code(dialogue, code), "name": _get_other_person(dialogue).name}


def _get_other_person(dialogue: Dialogue) -> OtherPerson:
    if (person := dialogue.facts.other_person) is None:
        raise NothingToShow()
    return person
