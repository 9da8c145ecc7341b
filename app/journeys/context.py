"""What actions work with, and the vocabulary they are registered in."""

from collections.abc import Callable

from app.services import Services
from app.text.words import Say
from app.ussd import vocabulary as ussd

Dialogue = ussd.Dialogue[Services]
vocabulary: ussd.Vocabulary[Services] = ussd.Vocabulary()


def own_message_when(outcome: str) -> Callable[[Dialogue, str], Say | None]:
    """`by_sms` of an action that queues a message itself where it ends so; else one calls again."""

    def by_sms(_talk: Dialogue, came: str) -> Say | None:
        return None if came == outcome else Say("sms.call_again")

    return by_sms
