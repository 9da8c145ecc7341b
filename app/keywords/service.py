"""What a phone asks by SMS: a code, its status, a language, reminders or none, help.

Each message is done once, whatever a provider tells again, and answered only where that cannot
become a talk of two machines. No menu leads here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.base.operation import Operation
from app.enrolment.queries import find_language
from app.enrolment.service import choose_language
from app.journeys.confirmations import tell_caller
from app.journeys.context import Dialogue
from app.keywords.account import answer_account
from app.keywords.rules import read_keyword, script_language
from app.messaging.models import inbound_message
from app.messaging.opt_outs import (
    OptOut,
    has_lost_news_by_stop,
    record_opt_out,
    record_provider_opt_out,
    resume_news,
    resume_reminders,
)
from app.services import Services
from app.sms.provider import InboundSms
from app.text.languages import DEFAULT, LANGUAGES
from app.text.words import Say

# So many answers to one phone within an hour: what asks for the account, and all the rest.
MOST_ACCOUNT, MOST_OTHER = 5, 3
_WITHIN = timedelta(hours=1)
# Whoever writes what we do not know is told what we know, and not again soon.
_TOLD_AGAIN_AFTER = timedelta(hours=24)
_ACCOUNT = ("code", "status")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message was understood as, and whether it gets an answer."""

    keyword: str | None
    answered: bool


def answer_sms(
    connection: Connection,
    services: Services,
    provider: str,
    sms: InboundSms,
    now: datetime,
) -> Heard:
    """Does what the message asks, and answers unless the provider has."""
    keyword = read_keyword(sms.text)
    _wait_for_turn(connection, sms)
    if not _is_new(connection, provider, sms, keyword, now):
        return Heard(keyword, False)
    language = find_language(connection, sms.sender) or script_language(sms.text) or DEFAULT
    key = f"{provider}:{sms.identity}"
    dialogue = Dialogue(sms.sender, services.words.spoken(language), {}, {}, now, key, services)
    allowed = not sms.answered and _may_answer(connection, sms, keyword, now)
    if keyword in _ACCOUNT and not allowed:
        return Heard(keyword, False)
    answer = _done(connection, dialogue, provider, keyword, sms.answered)
    if not allowed or answer is _NOTHING_NEW:
        return Heard(keyword, False)
    if answer is not None:
        _tell(connection, dialogue, answer)
    _note_answered(connection, provider, sms)
    return Heard(keyword, True)


# A second STOP is done and not answered.
_NOTHING_NEW = Say("")


def _done(
    connection: Connection,
    dialogue: Dialogue,
    provider: str,
    keyword: str | None,
    stopped_there: bool,
) -> Say | None:
    """Does it, and gives what to say; None where a message is queued already."""
    if keyword in _ACCOUNT:
        assert keyword
        return answer_account(connection, dialogue, keyword)
    if keyword is not None and keyword in LANGUAGES:
        choose_language(connection, dialogue.phone, keyword)
        dialogue.language = keyword
        return Say("sms.language")
    if keyword == "stop":
        return _stop(connection, dialogue, provider, stopped_there)
    if keyword == "start":
        return _start(connection, dialogue, provider)
    return Say("sms.help")


def _stop(connection: Connection, dialogue: Dialogue, provider: str, stopped_there: bool) -> Say:
    """Confirmed once. A provider that has heard it itself writes to the phone no more."""
    told = dialogue.services.words.say(dialogue.language, "sms.stopped")
    change = Operation(connection, dialogue.now, "artisan")
    changed = record_opt_out(change, OptOut(dialogue.phone, "sms", dialogue.action_key, told))
    if stopped_there:
        record_provider_opt_out(change, provider, dialogue.phone)
    return Say("sms.stopped") if changed else _NOTHING_NEW


def _start(connection: Connection, dialogue: Dialogue, provider: str) -> Say:
    """Undoes what STOP did, and no more: news come back only to whom a STOP took them."""
    change = Operation(connection, dialogue.now, "artisan")
    resume_reminders(change, provider, dialogue.phone)
    if not has_lost_news_by_stop(connection, dialogue.phone):
        return Say("sms.started")
    told = dialogue.services.words.say(dialogue.language, "sms.started_all")
    resume_news(change, dialogue.phone, dialogue.language, dialogue.action_key, told)
    return Say("sms.started_all")


def _tell(connection: Connection, dialogue: Dialogue, answer: Say) -> None:
    tell_caller(connection, dialogue, answer.key.removeprefix("sms."), answer.values)


def _wait_for_turn(connection: Connection, sms: InboundSms) -> None:
    """Messages of one phone are counted one after the other."""
    connection.execute(_TURN, {"phone": f"inbound:{sms.sender.e164}"})


_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:phone, 0))")


def _is_new(
    connection: Connection, provider: str, sms: InboundSms, keyword: str | None, now: datetime
) -> bool:
    row = insert(inbound_message).values(
        provider=provider,
        provider_id=sms.identity,
        phone=sms.sender.e164,
        keyword=keyword,
        received_at=now,
    )
    new = row.on_conflict_do_nothing().returning(inbound_message.c.provider_id)
    return connection.execute(new).scalar() is not None


def _may_answer(
    connection: Connection, sms: InboundSms, keyword: str | None, now: datetime
) -> bool:
    row = inbound_message.c
    lately, account = row.received_at > now - _WITHIN, row.keyword.in_(_ACCOUNT)
    asked = select(
        func.count().filter(lately, account),
        func.count().filter(lately, or_(row.keyword.is_(None), ~account)),
        func.count().filter(row.keyword.is_(None)),
    ).where(row.phone == sms.sender.e164, row.received_at > now - _TOLD_AGAIN_AFTER, row.answered)
    of_account, others, helps = connection.execute(asked).one()
    if keyword in _ACCOUNT:
        return bool(of_account < MOST_ACCOUNT)
    return bool(others < MOST_OTHER and (keyword is not None or not helps))


def _note_answered(connection: Connection, provider: str, sms: InboundSms) -> None:
    row = inbound_message.c
    mine = (row.provider == provider) & (row.provider_id == sms.identity)
    connection.execute(update(inbound_message).where(mine).values(answered=True))
