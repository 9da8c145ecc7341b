"""The dialogue that actions work with, and the vocabulary in which they are registered."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from app.base.operation import Operation, operation
from app.journeys.facts import Answers, Facts
from app.services import Services
from app.text.words import Say
from app.ussd import vocabulary as ussd

Dialogue = ussd.Dialogue[Services, Facts, Answers]
vocabulary: ussd.Vocabulary[Services, Facts, Answers] = ussd.Vocabulary(Facts, Answers)


def begin_operation(
    dialogue: Dialogue, actor: str = "artisan"
) -> AbstractContextManager[Operation]:
    """Opens the operation of an action: its transaction, at the moment of the hop."""
    return operation(dialogue.services.database, dialogue.now, actor)


def own_message_when(outcome: str) -> Callable[[Dialogue, str], Say | None]:
    """Returns the `by_sms` of an action that queues its own message when it ends in `outcome`.

    With any other outcome the person is told to dial again.
    """

    def by_sms(_dialogue: Dialogue, ended: str) -> Say | None:
        return None if ended == outcome else Say("sms.call_again")

    return by_sms
