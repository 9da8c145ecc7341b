"""The beginning: who calls, in which language, and identifying oneself from an unknown phone."""

import re
from datetime import date, datetime

from app.base.clock import local_date
from app.base.database import reading, transaction
from app.base.errors import InvalidInput
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.queries import find_household
from app.enrolment.service import choose_language, identify_phone, take_identification_try
from app.journeys.desk import Conversation, vocabulary
from app.journeys.facts import keep_facts, keep_household, keep_locks, read_facts
from app.journeys.lost_receipts import keep_lost_receipt
from app.journeys.telling import tell_owner
from app.payments.callers import find_phone_caller
from app.ussd.vocabulary import Row, Values

_RNA = re.compile(r"[A-Z0-9/-]{1,32}", re.ASCII)
# First in Latin letters, which no phone shows as squares.
_NATIVE_NAMES = {
    "fr": "Francais",
    "ar": "Arabe عربية",
    "ary-Latn": "Darija",
    "zgh": "Tamazight ⵜⴰⵎⴰⵣⵉⵖⵜ",
}


@vocabulary.action("recognise_caller", "artisan", "several", "agent", "unknown", "lost_receipt")
def recognise_caller(talk: Conversation) -> str:
    """An unknown phone begins with the language each time: a dialled chain keeps its meaning.

    For the same reason a receipt that did not arrive waits for a dial of the code alone. It stands
    before the PIN: its number and amount were sent to this very phone, and nothing else is shown.
    """
    with reading(talk.desk.database) as connection:
        caller = find_phone_caller(connection, talk.phone, talk.now)
        found = caller.artisan
        several = caller.people > 1 and caller.agent_id is None
        members = find_household(connection, talk.phone) if several else []
    talk.language = caller.language or (found.language if found else talk.language)
    if found:
        keep_facts(talk, found, caller.account)
        keep_locks(talk, caller.locks)
    if caller.agent_id is not None:
        talk.facts["g"] = caller.agent_id
        return "agent"
    if several:
        keep_household(talk, members)
    if found and caller.lost and not talk.ahead:
        keep_lost_receipt(talk, caller.lost)
        return "lost_receipt"
    return "several" if several else "artisan" if found else "unknown"


@vocabulary.rows("languages")
def languages(_talk: Conversation) -> list[Row]:
    """In one order for everybody, so that a digit always means the same language."""
    return [Row(language, {"language_name": name}) for language, name in _NATIVE_NAMES.items()]


@vocabulary.action("remember_language", "artisan", "unknown")
def remember_language(talk: Conversation) -> str:
    change_language(talk)
    return "artisan" if "a" in talk.facts else "unknown"


@vocabulary.action("change_language", "changed")
def change_language(talk: Conversation) -> str:
    """For every later call and message to this phone; one's place is kept."""
    talk.language = talk.kept["language"]
    with transaction(talk.desk.database) as connection:
        choose_language(connection, talk.phone, talk.language)
    return "changed"


@vocabulary.check("rna_number")
def rna_number(typed: str, _now: datetime) -> str:
    """The register's number; its length is not known (domain.md section 3)."""
    number = typed.replace(" ", "").upper()
    if not _RNA.fullmatch(number):
        raise InvalidInput(what="rna_number", why="not letters and digits")
    return number


@vocabulary.check("birth_date")
def birth_date(typed: str, now: datetime) -> str:
    """`17041985`, with or without separators, as an ISO date."""
    digits = re.sub(r"[\s/.-]", "", typed)
    if not re.fullmatch(r"[0-9]{8}", digits):
        raise InvalidInput(what="birth_date", why="not eight digits")
    try:
        born = date(int(digits[4:]), int(digits[2:4]), int(digits[:2]))
    except ValueError:
        raise InvalidInput(what="birth_date", why="no such day") from None
    if not born.year >= 1900 or born > local_date(now):
        raise InvalidInput(what="birth_date", why="not in a lifetime")
    return born.isoformat()


@vocabulary.action("identify", "recognised", "not_recognised", "last_try_failed", "paused")
def identify(talk: Conversation) -> str:
    """The try is committed first, so that a wrong one counts whatever happens next."""
    number, born = talk.kept["rna_number"], date.fromisoformat(talk.kept["birth_date"])
    try:
        with transaction(talk.desk.database) as connection:
            left = take_identification_try(connection, talk.phone, talk.action_key, talk.now)
    except IdentificationPaused:
        return "paused"
    try:
        with transaction(talk.desk.database) as connection:
            artisan_id = identify_phone(connection, talk.phone, number, born, talk.now)
            choose_language(connection, talk.phone, talk.language)
            read_facts(connection, talk, artisan_id)
            tell_owner(connection, talk, "phone_added")
    except NotRecognised:
        talk.kept = {"tries_left": left}
        return "not_recognised" if left else "last_try_failed"
    talk.kept = {}
    return "recognised"


@vocabulary.source("tries_left")
def tries_left(talk: Conversation) -> Values:
    return {"tries": talk.kept.get("tries_left", 0)}
