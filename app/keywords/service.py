"""Answers a phone's SMS: a code, the status, a language, reminders on or off, the service, help.

Each message is done once, however often a provider delivers it. It is answered only where the
answer cannot start an exchange between two machines. No menu leads here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import text

from app.base.operation import Operation
from app.enrolment.queries import find_language, is_artisans_phone
from app.enrolment.service import choose_language
from app.journeys.confirmations import queue_confirmation
from app.journeys.context import Dialogue
from app.journeys.facts import Answers, Facts
from app.keywords.account import answer_account
from app.keywords.rules import read_keyword, script_language
from app.messaging.inbound import (
    InboundMessage,
    count_recent_answers,
    has_answered_strangers,
    mark_answered,
    store_message,
)
from app.messaging.opt_outs import (
    OptOut,
    has_lost_news_by_stop,
    record_opt_out,
    record_provider_opt_out,
    resume_news,
    resume_reminders,
)
from app.observe.outages import find_last_outage, write_moment
from app.services import Services
from app.sms.provider import InboundSms
from app.text.languages import DEFAULT, LANGUAGES, choose_form
from app.text.words import Say

# The most answers to one phone within an hour: about the account, and about anything else.
MOST_ACCOUNT, MOST_OTHER = 5, 3
# Within 24 hours, the most answers to one phone that is no artisan's, and to all of those: each
# costs, and many may be bought or invented.
MOST_TO_STRANGER, MOST_TO_STRANGERS = 3, 1000
_ACCOUNT = ("code", "status")
_log = structlog.get_logger("sms")


@dataclass(frozen=True, slots=True)
class InboundOutcome:
    """The keyword read from a message, and whether the phone gets an answer from us."""

    keyword: str | None
    answered: bool


def answer_sms(
    operation: Operation, services: Services, provider: str, sms: InboundSms
) -> InboundOutcome:
    """Does what the message asks, and queues an answer unless the provider has answered."""
    message = InboundMessage(provider, sms, read_keyword(sms.text))
    _lock_phone(operation, sms)
    answered = store_message(operation, message) and _answer_message(operation, services, message)
    return InboundOutcome(message.keyword, answered)


def _answer_message(operation: Operation, services: Services, message: InboundMessage) -> bool:
    """Does what a new message asks. Returns True if an answer is queued."""
    dialogue = _open_dialogue(operation, services, message)
    stranger = not is_artisans_phone(operation.connection, message.sms.sender)
    allowed = not message.sms.answered and _may_answer(operation, message, stranger)
    if message.keyword in _ACCOUNT and not allowed:
        return False
    answer = _do_keyword(operation, dialogue, message)
    if not allowed or answer is _NOTHING_NEW:
        return False
    if answer is not None:
        kind = answer.key.removeprefix("sms.")
        queue_confirmation(operation, dialogue, kind, answer.values)
    mark_answered(operation, message, from_stranger=stranger)
    return True


def _open_dialogue(operation: Operation, services: Services, message: InboundMessage) -> Dialogue:
    """Returns a dialogue in the language of the phone, else in that of the message's letters."""
    sms = message.sms
    language = find_language(operation.connection, sms.sender) or script_language(sms.text)
    spoken = services.words.language_or_default(language or DEFAULT)
    return Dialogue(sms.sender, spoken, Facts(), Answers(), operation.now, message.key, services)


# A second STOP is done and not answered.
_NOTHING_NEW = Say("")
# An outage that ended longer ago is no answer to who asks how the service is.
_TOLD_OF_OUTAGES = timedelta(hours=12)


def _do_keyword(operation: Operation, dialogue: Dialogue, message: InboundMessage) -> Say | None:
    """Does what the keyword asks and returns the answer; None if a message is queued already."""
    keyword = message.keyword
    if keyword in _ACCOUNT:
        assert keyword
        return answer_account(operation, dialogue, keyword)
    if keyword is not None and keyword in LANGUAGES:
        in_own_letters = script_language(message.sms.text) is not None
        chosen = keyword if in_own_letters else choose_form(keyword, dialogue.language)
        choose_language(operation, dialogue.phone, chosen)
        dialogue.language = chosen
        return Say("sms.language")
    if keyword == "stop":
        return _stop(operation, dialogue, message)
    if keyword == "service":
        return _say_how_the_service_is(operation)
    if keyword == "start":
        return _start(operation, dialogue, message.provider)
    return Say("sms.help")


def _say_how_the_service_is(operation: Operation) -> Say:
    """Says what is down since when, or what was down today; else that the service works."""
    now = operation.now
    found = find_last_outage(operation.connection, now - _TOLD_OF_OUTAGES)
    if found is None:
        return Say("sms.service")
    since = {"down_since": write_moment(found.began_at, now)}
    if found.ended_at is None:
        return Say("sms.service_down", since)
    return Say("sms.service_mended", since | {"down_until": write_moment(found.ended_at, now)})


def _stop(operation: Operation, dialogue: Dialogue, message: InboundMessage) -> Say:
    """Ends reminders and news, confirmed once.

    A provider that has answered the STOP itself sends nothing more to the phone: that is recorded.
    """
    wording = dialogue.services.words.say(dialogue.language, "sms.stopped")
    changed = record_opt_out(operation, OptOut(dialogue.phone, "sms", dialogue.action_key, wording))
    if message.sms.answered:
        record_provider_opt_out(operation, message.provider, dialogue.phone)
    return Say("sms.stopped") if changed else _NOTHING_NEW


def _start(operation: Operation, dialogue: Dialogue, provider: str) -> Say:
    """Undoes what STOP did, and no more: news come back only if a STOP had ended them."""
    resume_reminders(operation, provider, dialogue.phone)
    if not has_lost_news_by_stop(operation.connection, dialogue.phone):
        return Say("sms.started")
    wording = dialogue.services.words.say(dialogue.language, "sms.started_all")
    resume_news(operation, dialogue.phone, dialogue.language, dialogue.action_key, wording)
    return Say("sms.started_all")


def _lock_phone(operation: Operation, sms: InboundSms) -> None:
    """Waits for other messages of the same phone: they are counted one after the other."""
    operation.connection.execute(_LOCK, {"phone": f"inbound:{sms.sender.e164}"})


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:phone, 0))")


def _may_answer(operation: Operation, message: InboundMessage, stranger: bool) -> bool:
    """True if the phone has not had its most answers yet; help is sent once a day."""
    answers = count_recent_answers(operation, message.sms.sender.e164, _ACCOUNT)
    if stranger and answers.day >= MOST_TO_STRANGER:
        return False
    if stranger and has_answered_strangers(operation, MOST_TO_STRANGERS):
        _log.error("answers_to_strangers_used_up", most=MOST_TO_STRANGERS)
        return False
    if message.keyword in _ACCOUNT:
        return answers.account < MOST_ACCOUNT
    return answers.other < MOST_OTHER and (message.keyword is not None or not answers.help)
