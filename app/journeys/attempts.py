"""Attempts to identify by RNA number and birth date: a phone has a few a day, a number ten."""

from __future__ import annotations

from app.enrolment.errors import IdentificationPaused
from app.enrolment.number_tries import take_number_try, tell_owner_of_tries
from app.enrolment.service import take_identification_attempt
from app.journeys.context import Dialogue, begin_operation
from app.journeys.facts import Answers


def count_attempt(dialogue: Dialogue, rna_number: str | None = None) -> int | None:
    """Counts an attempt to identify and returns how many this phone has left.

    It is committed by itself, so that a wrong attempt counts whatever happens next. None means
    that the phone has used them up, or that other phones have used up those of `rna_number`.
    """
    try:
        with begin_operation(dialogue) as operation:
            left = take_identification_attempt(operation, dialogue.phone, dialogue.action_key)
            if rna_number is None:
                return left
            key = dialogue.action_key
            return left if take_number_try(operation, dialogue.phone, rna_number, key) else None
    except IdentificationPaused:
        return None


def refuse_identity(dialogue: Dialogue, rna_number: str, attempts_left: int) -> str:
    """Forgets what was typed and returns the outcome of a wrong attempt.

    The number's owner is told of many wrong ones.
    """
    with begin_operation(dialogue) as operation:
        tell_owner_of_tries(operation, dialogue.services, rna_number)
    dialogue.answers = Answers()
    dialogue.answers.tries_left = attempts_left
    return "not_recognised" if attempts_left else "last_try_failed"
