"""Entry 5, settings: reminders, my record, and the people looked after on one phone."""

from __future__ import annotations

from app.base.database import reading
from app.base.driver import by_driver
from app.contributions.rules import get_category
from app.enrolment.errors import NotRecognised
from app.enrolment.number_tries import give_back_number_try
from app.enrolment.queries import find_household, get_register_entry
from app.enrolment.rules import plain_name
from app.enrolment.service import forget_phone, identify_phone
from app.journeys.attempts import count_attempt, refuse_identity
from app.journeys.confirmations import queue_confirmation, queue_owner_notice
from app.journeys.context import Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.facts import Answers, HouseholdMember, ShownRecord
from app.journeys.person import name_member, read_person, require_proof, store_household
from app.messaging.queries import wants_reminders
from app.messaging.service import set_reminders
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.action("look_at_reminders", "on", "off")
def look_at_reminders(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        return "on" if wants_reminders(connection, dialogue.phone) else "off"


@vocabulary.action("stop_reminders", "done", by_sms=own_message_when("done"))
def stop_reminders(dialogue: Dialogue) -> str:
    return _switch_reminders(dialogue, False)


@vocabulary.action("start_reminders", "done", by_sms=own_message_when("done"))
def start_reminders(dialogue: Dialogue) -> str:
    return _switch_reminders(dialogue, True)


def _switch_reminders(dialogue: Dialogue, wanted: bool) -> str:
    with begin_operation(dialogue) as operation:
        set_reminders(operation, dialogue.phone, wanted)
        queue_confirmation(operation, dialogue, "reminders_on" if wanted else "reminders_off")
    return "done"


@vocabulary.action("look_at_record", "seen")
def look_at_record(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        require_proof(connection, dialogue)
        record = get_register_entry(connection, dialogue.facts.artisan_id)
    dialogue.facts.record = ShownRecord(
        record.rna_number,
        record.category,
        plain_name(record.trade or "-"),
        plain_name(record.province or "-"),
    )
    return "seen"


@vocabulary.source("record")
def describe_record(dialogue: Dialogue) -> Values:
    if (record := dialogue.facts.record) is None:
        raise NothingToShow()
    letter = record.category
    return {
        "rna": record.rna_number,
        "category": Say(f"category.{get_category(letter).collector}", {"letter": letter}),
        "trade": record.trade,
        "province": record.province,
    }


@vocabulary.action("look_at_household", "seen", "unproven")
def look_at_household(dialogue: Dialogue) -> str:
    """Reads the people of this phone. One that is nobody's own by proof takes in nobody else."""
    with by_driver(dialogue.services.database) as connection:
        members = find_household(connection, dialogue.phone)
    store_household(dialogue, members)
    return "seen" if any(member.proven for member in members) else "unproven"


@vocabulary.rows("persons")
def list_persons(dialogue: Dialogue) -> list[Row]:
    members = dialogue.facts.household
    return [Row(member.id, {"person": name_member(dialogue, member)}) for member in members]


@vocabulary.source("person")
def describe_person(dialogue: Dialogue) -> Values:
    """Shows the person whom all entries are about in this session."""
    return {"person": name_member(dialogue, _get_chosen_member(dialogue))}


def _has_several_persons(dialogue: Dialogue) -> bool:
    return len(dialogue.facts.household) > 1


@vocabulary.guard("person_was_added")
def was_person_added(dialogue: Dialogue) -> bool:
    """True if the person was added on this phone, beside another one."""
    return _has_several_persons(dialogue) and _get_chosen_member(dialogue).added


@vocabulary.action("take_person", "taken")
def choose_person(dialogue: Dialogue) -> str:
    """Turns the dialogue to a person of this phone; the list that was shown may be outdated."""
    if (artisan_id := dialogue.answers.person) is None:
        raise NothingToShow()
    with by_driver(dialogue.services.database) as connection:
        members = find_household(connection, dialogue.phone)
        store_household(dialogue, members)
        if artisan_id not in {member.id for member in members}:
            raise NothingToShow()
        read_person(connection, dialogue, artisan_id)
    return "taken"


@vocabulary.action("add_person", "added", "not_recognised", "last_try_failed", "paused")
def add_person(dialogue: Dialogue) -> str:
    """Adds the person identified to this phone, and turns the dialogue to that person."""
    number, birth_date = dialogue.answers.identity
    if (attempts_left := count_attempt(dialogue, number)) is None:
        return "paused"
    try:
        with begin_operation(dialogue) as operation:
            artisan_id = identify_phone(operation, dialogue.phone, number, birth_date)
            give_back_number_try(operation, number)
            store_household(dialogue, find_household(operation.connection, dialogue.phone))
            read_person(operation.connection, dialogue, artisan_id)
            queue_owner_notice(operation, dialogue, "phone_added")
    except NotRecognised:
        return refuse_identity(dialogue, number, attempts_left)
    dialogue.answers = Answers()
    return "added"


@vocabulary.action("remove_person", "removed")
def remove_person(dialogue: Dialogue) -> str:
    """Unties the person from this phone; the register keeps them."""
    with begin_operation(dialogue) as operation:
        forget_phone(operation, dialogue.phone, dialogue.facts.artisan_id)
    return "removed"


def _get_chosen_member(dialogue: Dialogue) -> HouseholdMember:
    artisan_id = dialogue.facts.artisan_id
    for member in dialogue.facts.household:
        if member.id == artisan_id:
            return member
    raise NothingToShow()
