"""The beginning: who calls, in which language, and identifying oneself from an unknown phone."""

import re
from datetime import date, datetime

from app.base.clock import local_date
from app.base.database import reading, transaction
from app.base.errors import InvalidInput
from app.enrolment.errors import IdentificationPaused, NotRecognised
from app.enrolment.queries import find_phone_owner
from app.enrolment.service import choose_language, identify_phone, take_identification_try
from app.journeys.desk import Conversation, vocabulary
from app.journeys.facts import keep_facts, read_facts
from app.payments.queries import get_account
from app.ussd.vocabulary import Row, Values

_RNA = re.compile(r"[A-Z0-9/-]{1,32}", re.ASCII)
_NATIVE_NAMES = {"fr": "Francais", "ar": "Arabe العربية"}


@vocabulary.action("recognise_caller", "artisan", "unknown")
def recognise_caller(talk: Conversation) -> str:
    """An unknown phone begins with the language each time: a dialled chain keeps its meaning."""
    with reading(talk.desk.database) as connection:
        owner = find_phone_owner(connection, talk.phone)
        if owner.artisan is None:
            talk.language = owner.language or talk.language
            return "unknown"
        account = get_account(connection, owner.artisan.id, talk.now)
    talk.language = owner.language or owner.artisan.language
    keep_facts(talk, owner.artisan, account)
    return "artisan"


@vocabulary.rows("languages")
def languages(talk: Conversation) -> list[Row]:
    spoken = talk.desk.words.languages
    return [
        Row(language, {"language_name": name})
        for language, name in _NATIVE_NAMES.items()
        if language in spoken
    ]


@vocabulary.action("remember_language", "artisan", "unknown")
def remember_language(talk: Conversation) -> str:
    talk.language = talk.kept["language"]
    with transaction(talk.desk.database) as connection:
        choose_language(connection, talk.phone, talk.language)
    return "artisan" if talk.facts else "unknown"


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
    except NotRecognised:
        talk.kept = {"tries_left": left}
        return "not_recognised" if left else "last_try_failed"
    talk.kept = {}
    return "recognised"


@vocabulary.source("tries_left")
def tries_left(talk: Conversation) -> Values:
    return {"tries": talk.kept.get("tries_left", 0)}
