"""Attempts to identify by RNA number and birth date: a phone has a few a day."""

from __future__ import annotations

from app.enrolment.errors import IdentificationPaused
from app.enrolment.service import take_identification_attempt
from app.journeys.context import Dialogue, begin_operation
from app.journeys.facts import Answers


def count_attempt(dialogue: Dialogue) -> int | None:
    """Counts an attempt to identify on this phone and returns how many are left.

    It is committed by itself, so that a wrong attempt counts whatever happens next. None means
    that the phone has used them up.
    """
    try:
        with begin_operation(dialogue) as operation:
            return take_identification_attempt(operation, dialogue.phone, dialogue.action_key)
    except IdentificationPaused:
        return None


def refuse_identity(dialogue: Dialogue, attempts_left: int) -> str:
    """Forgets what was typed and returns the outcome of a wrong attempt."""
    dialogue.answers = Answers()
    dialogue.answers.tries_left = attempts_left
    return "not_recognised" if attempts_left else "last_try_failed"
