"""The beginning: who calls, in which language, and identification from an unknown phone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.base.clock import local_date
from app.base.driver import DriverConnection, by_driver
from app.base.identifiers import read_typed_rna_number
from app.enrolment.birth_dates import pack_birth_date, read_typed_birth_date
from app.enrolment.errors import NotRecognised
from app.enrolment.number_tries import give_back_number_try
from app.enrolment.queries import find_household
from app.enrolment.service import choose_language, identify_phone
from app.enrolment.ties import is_proven
from app.journeys.attempts import count_attempt, refuse_identity
from app.journeys.confirmations import queue_owner_notice
from app.journeys.context import Dialogue, begin_operation, vocabulary
from app.journeys.facts import Answers
from app.journeys.person import (
    get_live_code,
    name_member,
    read_person,
    store_household,
    store_person,
    store_pin_status,
)
from app.payments.phone_account import PhoneAccount, find_phone_account, hide_what_others_asked
from app.text.languages import LANGUAGES
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Row, Values


@vocabulary.action("recognise_caller", "artisan", "several", "agent", "unknown", "lost_receipt")
def recognise_caller(dialogue: Dialogue) -> str:
    """Reads who calls, and in which language.

    An unknown phone begins with the language each time: a dialled chain keeps its meaning. For
    the same reason a receipt that did not arrive is shown only when the code alone was dialled.
    It is shown before the PIN: its number and amount were sent to this very phone.
    """
    with by_driver(dialogue.services.database) as connection:
        account = find_phone_account(connection, dialogue.phone, dialogue.now)
        several = account.people > 1 and account.agent_id is None
        members = find_household(connection, dialogue.phone) if several else []
        account = _hide_account(connection, dialogue, account)
    _store_phone_account(dialogue, account)
    dialogue.facts.dialled_lately = dialogue.lately
    if account.agent_id is not None:
        dialogue.facts.agent_id = account.agent_id
        dialogue.facts.agent_generation = account.agent_generation
        return "agent"
    store_household(dialogue, members)
    if account.artisan and account.lost and not dialogue.ahead:
        dialogue.facts.lost_receipt = account.lost
        return "lost_receipt"
    if several:
        return "several"
    return "artisan" if account.artisan else "unknown"


def _hide_account(
    connection: DriverConnection, dialogue: Dialogue, account: PhoneAccount
) -> PhoneAccount:
    """Returns the account as the tie opens it: not what other phones asked for, if unproven."""
    if account.artisan is None or is_proven(account.way):
        return account
    own = hide_what_others_asked(connection, dialogue.phone, account.artisan.id, account.account)
    return replace(account, account=own)


def _store_phone_account(dialogue: Dialogue, account: PhoneAccount) -> None:
    """Stores the caller; the language chosen on the phone comes before the register's."""
    artisan = account.artisan
    dialogue.language = account.language or (artisan.language if artisan else dialogue.language)
    if artisan:
        store_person(dialogue, artisan, account.account, account.way or "")
        store_pin_status(dialogue, account.pin_status)


@vocabulary.rows("languages")
def list_languages(_dialogue: Dialogue) -> list[Row]:
    """Lists the languages in one order for everybody: a digit always means the same language."""
    return [Row(code, {"language_name": entry.phone_name}) for code, entry in LANGUAGES.items()]


@vocabulary.action("show_script", "latin", "other")
def show_script(dialogue: Dialogue) -> str:
    """Turns the dialogue to the language chosen; no later call knows it yet."""
    dialogue.language = _get_chosen_language(dialogue)
    return "latin" if LANGUAGES[dialogue.language].latin_form is None else "other"


@vocabulary.action("use_latin_form", "chosen")
def use_latin_form(dialogue: Dialogue) -> str:
    """Takes the Latin form of a language whose letters this phone does not show."""
    chosen = _get_chosen_language(dialogue)
    dialogue.answers.language = LANGUAGES[chosen].latin_form or chosen
    return "chosen"


@vocabulary.action("remember_language", "artisan", "unknown")
def remember_language(dialogue: Dialogue) -> str:
    change_language(dialogue)
    return "artisan" if dialogue.facts.artisan else "unknown"


@vocabulary.action("change_language", "changed")
def change_language(dialogue: Dialogue) -> str:
    """Changes the language of every later call and message to this phone; the place is kept."""
    dialogue.language = _get_chosen_language(dialogue)
    with begin_operation(dialogue) as operation:
        choose_language(operation, dialogue.phone, dialogue.language)
    return "changed"


def _get_chosen_language(dialogue: Dialogue) -> str:
    language = dialogue.answers.language
    if language is None or language not in LANGUAGES:
        raise NothingToShow()
    return language


@vocabulary.check("rna_number")
def read_rna_number(typed: str, _now: datetime) -> str:
    """Reads a number of the register; its length is not known (docs/rules.md, Identifiers)."""
    return read_typed_rna_number(typed)


@vocabulary.check("birth_date")
def read_birth_date(typed: str, now: datetime) -> str:
    """Reads `17041985` or a year alone, and returns it as answers keep it."""
    return pack_birth_date(read_typed_birth_date(typed, local_date(now)))


@vocabulary.action("identify", "recognised", "not_recognised", "last_try_failed", "paused")
def identify(dialogue: Dialogue) -> str:
    number, birth_date = dialogue.answers.identity
    if (attempts_left := count_attempt(dialogue, number)) is None:
        return "paused"
    try:
        with begin_operation(dialogue) as operation:
            artisan_id = identify_phone(operation, dialogue.phone, number, birth_date)
            give_back_number_try(operation, number)
            choose_language(operation, dialogue.phone, dialogue.language)
            read_person(operation.connection, dialogue, artisan_id)
            queue_owner_notice(operation, dialogue, "phone_added")
    except NotRecognised:
        return refuse_identity(dialogue, number, attempts_left)
    dialogue.answers = Answers()
    return "recognised"


@vocabulary.source("tries_left")
def describe_attempts_left(dialogue: Dialogue) -> Values:
    return {"tries": dialogue.answers.tries_left}


@vocabulary.source("main")
def describe_main(dialogue: Dialogue) -> Values:
    """Says whose file is open on a phone of several people, and shows a live code when due.

    A phone that dials again sees its live code at once: the line may have broken over it.
    """
    shows = dialogue.facts.dialled_lately and dialogue.facts.artisan is not None
    code = get_live_code(dialogue) if shows else None
    return {
        "file_of": _name_file(dialogue),
        "live_code": Say("main.live", {"code": code.code}) if code else "",
    }


def _name_file(dialogue: Dialogue) -> Say | str:
    artisan, members = dialogue.facts.artisan, dialogue.facts.household
    names = [name_member(dialogue, one) for one in members if artisan and one.id == artisan.id]
    return Say("main.file", {"person": names[0]}) if names and len(members) > 1 else ""
