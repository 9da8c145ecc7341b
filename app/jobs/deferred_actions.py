"""Runs actions that were too slow for the screen, and answers them by SMS."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_hex

import structlog

from app.base.database import reading
from app.base.errors import Unavailable
from app.base.operation import operation
from app.base.spans import trace
from app.journeys.context import Dialogue, vocabulary
from app.messaging.kinds import PREFIX
from app.messaging.queries import is_told
from app.messaging.service import OutboundMessage, queue_message
from app.runtime import Runtime
from app.text.words import Say
from app.ussd.deferred import DeferredAction
from app.ussd.vocabulary import NothingToShow

_AT_ONCE = 16
# An answer that comes a day late is of no use.
_GIVEN_UP_AFTER = timedelta(hours=24)
_log = structlog.get_logger("deferred")


def answer_deferred_actions(runtime: Runtime, worker: str) -> int:
    """Runs the actions that wait, each under its key on the phone; returns how many it answered.

    An action that fails stays, and is claimed again a minute later.
    """
    answered = 0
    for identity, deferred in runtime.deferred_actions.claim(worker, _AT_ONCE):
        # The trace goes on in which it was asked.
        with trace("deferred", deferred.trace or token_hex(8), action=deferred.action):
            done = _try_to_answer(runtime, deferred, runtime.clock())
        if done:
            runtime.deferred_actions.mark_done(identity)
            answered += 1
    return answered


def _try_to_answer(runtime: Runtime, deferred: DeferredAction, now: datetime) -> bool:
    """Returns True if the action is answered or given up, and needs no other try."""
    if now - deferred.asked > _GIVEN_UP_AFTER:
        _log.error("deferred_action_given_up", action=deferred.action)
        return True
    try:
        _answer(runtime, deferred, now)
    except Unavailable as error:
        what = error.params.get("what")
        _log.warning("deferred_action_waits", action=deferred.action, what=what)
        return False
    except Exception:
        _log.exception("deferred_action_failed", action=deferred.action)
        return False
    return True


def _answer(runtime: Runtime, deferred: DeferredAction, now: datetime) -> None:
    action = vocabulary.actions[deferred.action]
    dialogue = deferred.dialogue(vocabulary, runtime.patient_services, now)
    with reading(dialogue.services.database) as connection:
        if is_told(connection, deferred.key):
            return  # It was answered before: somebody put it into the queue again.
    try:
        outcome = action.run(dialogue)
        answer = action.by_sms(dialogue, outcome) if action.by_sms else None
    except NothingToShow:
        # The screen's subject is gone by now; the promised answer is sent all the same.
        answer = Say("sms.call_again")
    if answer is not None:
        _queue_answer(runtime, dialogue, answer, now)


def _queue_answer(runtime: Runtime, dialogue: Dialogue, answer: Say, now: datetime) -> None:
    message = OutboundMessage(
        kind=answer.key.removeprefix(PREFIX),
        event=dialogue.action_key,
        phone=dialogue.phone,
        language=dialogue.language,
        values=answer.values,
    )
    services = runtime.patient_services
    with operation(services.database, now, "artisan") as change:
        queue_message(change, services, message)
