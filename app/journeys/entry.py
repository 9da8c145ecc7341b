"""The beginning: who calls, in which language, and identifying oneself from an unknown phone."""

import re
from datetime import date, datetime

from app.base.clock import local_date
from app.base.database import reading
from app.base.errors import InvalidInput
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.queries import find_household
from app.enrolment.service import choose_language, identify_phone, take_identification_attempt
from app.journeys.confirmations import queue_owner_notice
from app.journeys.context import Answers, Dialogue, begin_operation, vocabulary
from app.journeys.facts import keep_facts, keep_household, keep_locks, read_facts
from app.journeys.lost_receipts import keep_lost_receipt
from app.payments.phone_account import find_phone_account
from app.text.languages import LANGUAGES
from app.ussd.vocabulary import Row, Values

_RNA = re.compile(r"[A-Z0-9/-]{1,32}", re.ASCII)


@vocabulary.action("recognise_caller", "artisan", "several", "agent", "unknown", "lost_receipt")
def recognise_caller(dialogue: Dialogue) -> str:
    """An unknown phone begins with the language each time: a dialled chain keeps its meaning.

    For the same reason a receipt that did not arrive waits for a dial of the code alone. It stands
    before the PIN: its number and amount were sent to this very phone, and nothing else is shown.
    """
    with reading(dialogue.services.database) as connection:
        caller = find_phone_account(connection, dialogue.phone, dialogue.now)
        found = caller.artisan
        several = caller.people > 1 and caller.agent_id is None
        members = find_household(connection, dialogue.phone) if several else []
    dialogue.language = caller.language or (found.language if found else dialogue.language)
    if found:
        keep_facts(dialogue, found, caller.account)
        keep_locks(dialogue, caller.locks)
    if caller.agent_id is not None:
        dialogue.facts["g"] = caller.agent_id
        return "agent"
    if several:
        keep_household(dialogue, members)
    if found and caller.lost and not dialogue.ahead:
        keep_lost_receipt(dialogue, caller.lost)
        return "lost_receipt"
    return "several" if several else "artisan" if found else "unknown"


@vocabulary.rows("languages")
def languages(_talk: Dialogue) -> list[Row]:
    """In one order for everybody, so that a digit always means the same language."""
    return [Row(code, {"language_name": entry.phone_name}) for code, entry in LANGUAGES.items()]


@vocabulary.action("remember_language", "artisan", "unknown")
def remember_language(dialogue: Dialogue) -> str:
    change_language(dialogue)
    return "artisan" if "a" in dialogue.facts else "unknown"


@vocabulary.action("change_language", "changed")
def change_language(dialogue: Dialogue) -> str:
    """For every later call and message to this phone; one's place is kept."""
    dialogue.language = dialogue.answers["language"]
    with begin_operation(dialogue) as operation:
        choose_language(operation, dialogue.phone, dialogue.language)
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
def identify(dialogue: Dialogue) -> str:
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
            artisan_id = identify_phone(operation, dialogue.phone, number, born)
            choose_language(operation, dialogue.phone, dialogue.language)
            read_facts(operation.connection, dialogue, artisan_id)
            queue_owner_notice(operation, dialogue, "phone_added")
    except NotRecognised:
        dialogue.answers = Answers({"tries_left": left})
        return "not_recognised" if left else "last_try_failed"
    dialogue.answers = Answers()
    return "recognised"


@vocabulary.source("tries_left")
def tries_left(dialogue: Dialogue) -> Values:
    return {"tries": dialogue.answers.get("tries_left", 0)}
