"""Answers by message what was too slow for the screen."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from app.base.errors import Unavailable
from app.base.operation import operation
from app.journeys.context import Dialogue, vocabulary
from app.messaging.kinds import PREFIX
from app.messaging.service import OutboundMessage, queue_message
from app.runtime import Runtime
from app.text.words import Say
from app.ussd.deferred import DeferredAction
from app.ussd.vocabulary import NothingToShow

_AT_ONCE = 16
# Nobody waits for an answer about yesterday.
_GIVEN_UP_AFTER = timedelta(hours=24)
_log = structlog.get_logger("late")


def answer_late_actions(maalem: Runtime, worker: str) -> int:
    """Runs what is waiting, each under the key it had on the phone; gives how many were answered.

    An action that fails stays, and is taken up again a minute later.
    """
    answered = 0
    for identity, late in maalem.deferred_actions.claim(worker, _AT_ONCE):
        if _is_answered(maalem, late, maalem.clock()):
            maalem.deferred_actions.mark_done(identity)
            answered += 1
    return answered


def _is_answered(maalem: Runtime, late: DeferredAction, now: datetime) -> bool:
    if now - late.asked > _GIVEN_UP_AFTER:
        _log.error("late_action_given_up", action=late.action)
        return True
    try:
        _answer(maalem, late, now)
    except Unavailable as error:
        _log.warning("late_action_waits", action=late.action, what=error.params.get("what"))
        return False
    except Exception:
        _log.exception("late_action_failed", action=late.action)
        return False
    return True


def _answer(maalem: Runtime, late: DeferredAction, now: datetime) -> None:
    action = vocabulary.actions[late.action]
    dialogue = late.dialogue(vocabulary, maalem.patient_services, now)
    try:
        outcome = action.run(dialogue)
        answer = action.by_sms(dialogue, outcome) if action.by_sms else None
    except NothingToShow:
        # What was asked about is gone by now: the promise of an answer is kept all the same.
        answer = Say("sms.call_again")
    if answer is not None:
        _queue(maalem, dialogue, answer, now)


def _queue(maalem: Runtime, dialogue: Dialogue, answer: Say, now: datetime) -> None:
    message = OutboundMessage(
        kind=answer.key.removeprefix(PREFIX),
        event=dialogue.action_key,
        phone=dialogue.phone,
        language=dialogue.language,
        values=answer.values,
    )
    services = maalem.patient_services
    with operation(services.database, now, "artisan") as change:
        queue_message(change, services, message)
