"""Entry 5, settings: reminders, my record, and the people looked after on one phone."""

from datetime import date

from app.base.database import reading
from app.contributions.rules import get_category
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.queries import find_household, get_record
from app.enrolment.rules import plain_name
from app.enrolment.service import forget_phone, identify_phone, take_identification_attempt
from app.journeys.confirmations import queue_confirmation, queue_owner_notice
from app.journeys.context import Answers, Dialogue, begin_operation, own_message_when, vocabulary
from app.journeys.facts import keep_household, read_facts
from app.messaging.queries import wants_reminders
from app.messaging.service import set_reminders
from app.text.languages import LANGUAGES
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
        record = get_record(connection, dialogue.facts["a"][0])
    places = [plain_name(place or "-") for place in (record.trade, record.province)]
    dialogue.facts["record"] = [record.rna_number, record.category, *places]
    return "seen"


@vocabulary.source("record")
def record(dialogue: Dialogue) -> Values:
    if "record" not in dialogue.facts:
        raise NothingToShow()
    number, category, trade, province = dialogue.facts["record"]
    kind = Say(f"category.{get_category(category).collector}", {"letter": category})
    return {"rna": number, "category": kind, "trade": trade, "province": province}


@vocabulary.action("look_at_household", "seen")
def look_at_household(dialogue: Dialogue) -> str:
    with reading(dialogue.services.database) as connection:
        keep_household(dialogue, find_household(connection, dialogue.phone))
    return "seen"


@vocabulary.rows("persons")
def persons(dialogue: Dialogue) -> list[Row]:
    return [Row(row[0], {"person": _name(dialogue, row)}) for row in dialogue.facts.get("h", [])]


@vocabulary.source("person")
def chosen_person(dialogue: Dialogue) -> Values:
    """Who all entries are about in this session."""
    return {"person": _name(dialogue, _chosen(dialogue))}


@vocabulary.guard("several_persons")
def several_persons(dialogue: Dialogue) -> bool:
    return len(dialogue.facts.get("h", [])) > 1


@vocabulary.guard("person_was_added")
def person_was_added(dialogue: Dialogue) -> bool:
    return several_persons(dialogue) and bool(_chosen(dialogue)[3])


@vocabulary.action("take_person", "taken")
def take_person(dialogue: Dialogue) -> str:
    """Only somebody of this phone, as it is now: the list may be old."""
    with reading(dialogue.services.database) as connection:
        members = find_household(connection, dialogue.phone)
        keep_household(dialogue, members)
        if dialogue.answers["person"] not in {member.id for member in members}:
            raise NothingToShow()
        read_facts(connection, dialogue, dialogue.answers["person"])
    return "taken"


@vocabulary.action("add_person", "added", "not_recognised", "last_try_failed", "paused")
def add_person(dialogue: Dialogue) -> str:
    """The try is committed first, so that a wrong one counts whatever happens next."""
    number, born = (
        dialogue.answers["rna_number"],
        date.fromisoformat(dialogue.answers["birth_date"]),
    )
    try:
        with begin_operation(dialogue) as operation:
            left = take_identification_attempt(operation, dialogue.phone, dialogue.action_key)
    except IdentificationPaused:
        return "paused"
    try:
        with begin_operation(dialogue) as operation:
            added = identify_phone(operation, dialogue.phone, number, born)
            keep_household(dialogue, find_household(operation.connection, dialogue.phone))
            read_facts(operation.connection, dialogue, added)
            queue_owner_notice(operation, dialogue, "phone_added")
    except NotRecognised:
        dialogue.answers = Answers({"tries_left": left})
        return "not_recognised" if left else "last_try_failed"
    dialogue.answers = Answers()
    return "added"


@vocabulary.action("remove_person", "removed")
def remove_person(dialogue: Dialogue) -> str:
    """From this phone only; the person stays in the register."""
    with begin_operation(dialogue) as operation:
        forget_phone(operation, dialogue.phone, dialogue.facts["a"][0])
    return "removed"


def _chosen(dialogue: Dialogue) -> list[object]:
    for row in dialogue.facts.get("h", []):
        if row[0] == dialogue.facts["a"][0]:
            return list(row)
    raise NothingToShow()


def _name(dialogue: Dialogue, row: list[object]) -> str:
    return str(row[2] if LANGUAGES[dialogue.language].script == "arabic" else row[1])
