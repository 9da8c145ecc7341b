"""Offers a dialogue that broke off again when the phone dials, with the account read anew."""

from __future__ import annotations

from app.base.database import reading
from app.enrolment.queries import find_language
from app.journeys.context import Dialogue, vocabulary
from app.journeys.pay import describe_code
from app.journeys.person import get_live_code, reload_account
from app.text.words import Say
from app.ussd.vocabulary import Values


@vocabulary.action("resume_dialogue", "resumed")
def resume_dialogue(dialogue: Dialogue) -> str:
    """Reads the account and the language again; the PIN has to be typed anew."""
    dialogue.facts.pin_typed = False
    with reading(dialogue.services.database) as connection:
        dialogue.language = find_language(connection, dialogue.phone) or dialogue.language
    if dialogue.facts.artisan:
        reload_account(dialogue)
    return "resumed"


@vocabulary.source("broken_off")
def describe_broken_dialogue(dialogue: Dialogue) -> Values:
    """Shows a live code first: the caller may have hung up before reading it."""
    code = get_live_code(dialogue) if dialogue.facts.artisan else None
    return {"live": Say("payments.live", describe_code(code)) if code else Say("broken_off.ask")}
