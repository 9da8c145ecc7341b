"""Entry 5, settings: reminders, my record, and the people looked after on one phone."""

from datetime import date

from app.base.database import reading, transaction
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.queries import find_household, get_record
from app.enrolment.rules import plain_name
from app.enrolment.service import forget_phone, identify_phone, take_identification_try
from app.journeys.desk import Conversation, own_message_when, vocabulary
from app.journeys.facts import keep_household, read_facts
from app.journeys.telling import tell_caller, tell_owner
from app.messaging.queries import wants_reminders
from app.messaging.service import set_reminders
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values

# Where names are read in Arabic letters.
_ARABIC_NAMES = {"ar"}


@vocabulary.action("look_at_reminders", "on", "off")
def look_at_reminders(talk: Conversation) -> str:
    with reading(talk.desk.database) as connection:
        return "on" if wants_reminders(connection, talk.phone) else "off"


@vocabulary.action("stop_reminders", "done", by_sms=own_message_when("done"))
def stop_reminders(talk: Conversation) -> str:
    return _switch_reminders(talk, False)


@vocabulary.action("start_reminders", "done", by_sms=own_message_when("done"))
def start_reminders(talk: Conversation) -> str:
    return _switch_reminders(talk, True)


def _switch_reminders(talk: Conversation, wanted: bool) -> str:
    with transaction(talk.desk.database) as connection:
        set_reminders(connection, talk.phone, wanted, talk.now)
        tell_caller(connection, talk, "reminders_on" if wanted else "reminders_off")
    return "done"


@vocabulary.action("look_at_record", "seen")
def look_at_record(talk: Conversation) -> str:
    with reading(talk.desk.database) as connection:
        record = get_record(connection, talk.facts["a"][0])
    places = [plain_name(place or "-") for place in (record.trade, record.province)]
    talk.facts["record"] = [record.rna_number, record.category, *places]
    return "seen"


@vocabulary.source("record")
def record(talk: Conversation) -> Values:
    if "record" not in talk.facts:
        raise NothingToShow()
    number, category, trade, province = talk.facts["record"]
    kind = Say(f"category.{category.lower()}")
    return {"rna": number, "category": kind, "trade": trade, "province": province}


@vocabulary.action("look_at_household", "seen")
def look_at_household(talk: Conversation) -> str:
    with reading(talk.desk.database) as connection:
        keep_household(talk, find_household(connection, talk.phone))
    return "seen"


@vocabulary.rows("persons")
def persons(talk: Conversation) -> list[Row]:
    return [Row(row[0], {"person": _name(talk, row)}) for row in talk.facts.get("h", [])]


@vocabulary.source("person")
def chosen_person(talk: Conversation) -> Values:
    """Who all entries are about in this session."""
    return {"person": _name(talk, _chosen(talk))}


@vocabulary.guard("several_persons")
def several_persons(talk: Conversation) -> bool:
    return len(talk.facts.get("h", [])) > 1


@vocabulary.guard("person_was_added")
def person_was_added(talk: Conversation) -> bool:
    return several_persons(talk) and bool(_chosen(talk)[3])


@vocabulary.action("take_person", "taken")
def take_person(talk: Conversation) -> str:
    """Only somebody of this phone, as it is now: the list may be old."""
    with reading(talk.desk.database) as connection:
        members = find_household(connection, talk.phone)
        keep_household(talk, members)
        if talk.kept["person"] not in {member.id for member in members}:
            raise NothingToShow()
        read_facts(connection, talk, talk.kept["person"])
    return "taken"


@vocabulary.action("add_person", "added", "not_recognised", "last_try_failed", "paused")
def add_person(talk: Conversation) -> str:
    """The try is committed first, so that a wrong one counts whatever happens next."""
    number, born = talk.kept["rna_number"], date.fromisoformat(talk.kept["birth_date"])
    try:
        with transaction(talk.desk.database) as connection:
            left = take_identification_try(connection, talk.phone, talk.action_key, talk.now)
    except IdentificationPaused:
        return "paused"
    try:
        with transaction(talk.desk.database) as connection:
            added = identify_phone(connection, talk.phone, number, born, talk.now)
            keep_household(talk, find_household(connection, talk.phone))
            read_facts(connection, talk, added)
            tell_owner(connection, talk, "phone_added")
    except NotRecognised:
        talk.kept = {"tries_left": left}
        return "not_recognised" if left else "last_try_failed"
    talk.kept = {}
    return "added"


@vocabulary.action("remove_person", "removed")
def remove_person(talk: Conversation) -> str:
    """From this phone only; the person stays in the register."""
    with transaction(talk.desk.database) as connection:
        forget_phone(connection, talk.phone, talk.facts["a"][0])
    return "removed"


def _chosen(talk: Conversation) -> list[object]:
    for row in talk.facts.get("h", []):
        if row[0] == talk.facts["a"][0]:
            return list(row)
    raise NothingToShow()


def _name(talk: Conversation, row: list[object]) -> str:
    return str(row[2] if talk.language in _ARABIC_NAMES else row[1])
