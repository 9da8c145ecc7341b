"""Offers a dialogue that broke off again when the phone dials, with the account read anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from app.base.database import reading
from app.enrolment.queries import find_household, find_language
from app.journeys.context import Dialogue, vocabulary
from app.journeys.facts import Answers, Facts
from app.journeys.pay import describe_shown_code
from app.journeys.person import get_live_code, reload_person
from app.payments.receipts import find_code
from app.text.words import Say
from app.ussd.vocabulary import NothingToShow, Values


@vocabulary.action("resume_dialogue", "resumed", "changed")
def resume_dialogue(dialogue: Dialogue) -> str:
    """Reads the account, the tie and the language again; the PIN has to be typed anew.

    A phone that opens something else since is as one that dials for the first time: it may have
    been untied, or be in another's hands. A receipt on an agent's phone was told in the session
    before: it is no new payment. A code for another, or one to collect, is not shown again once it
    cannot be paid.
    """
    facts, way = dialogue.facts, dialogue.facts.way
    facts.pin_typed = False
    if receipt := facts.agent_receipt:
        facts.agent_receipt = replace(receipt, told=True)
    with reading(dialogue.services.database) as connection:
        dialogue.language = find_language(connection, dialogue.phone) or dialogue.language
        members = find_household(connection, dialogue.phone) if facts.household else []
        _drop_ended_codes(connection, dialogue)
    try:
        if facts.artisan:
            reload_person(dialogue)
    except NothingToShow:
        return _forget_dialogue(dialogue)
    same_people = {one.id for one in facts.household} == {one.id for one in members}
    return "resumed" if facts.way == way and same_people else _forget_dialogue(dialogue)


def _drop_ended_codes(connection: Connection, dialogue: Dialogue) -> None:
    """Forgets the codes of others that were paid, replaced or ended since they were shown."""
    facts, now = dialogue.facts, dialogue.now
    if (made := facts.code_for_another) and not _is_payable(connection, made.code, now):
        facts.code_for_another = None
    if (shown := facts.code_to_collect) and not _is_payable(connection, shown.code, now):
        facts.code_to_collect = None


def _is_payable(connection: Connection, code: str, now: datetime) -> bool:
    seen = find_code(connection, code, now)
    return seen is not None and seen.payable is not None


def _forget_dialogue(dialogue: Dialogue) -> str:
    dialogue.facts, dialogue.answers = Facts(), Answers()
    return "changed"


@vocabulary.source("broken_off")
def describe_broken_dialogue(dialogue: Dialogue) -> Values:
    """Shows a live code first: the caller may have hung up before reading it."""
    code = get_live_code(dialogue) if dialogue.facts.artisan else None
    shown = Say("payments.live", describe_shown_code(dialogue, code)) if code else None
    return {"live": shown or Say("broken_off.ask")}
