"""What actions work with, and the vocabulary they are registered in."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sqlalchemy import Engine

from app.base.money import Money
from app.text.words import Say, Words
from app.ussd.vocabulary import Talk, Vocabulary


@dataclass(frozen=True, slots=True)
class Desk:
    """The database, the words for messages, the secure source of codes, the artisan's fee, and the
    installation's secret, from which keys are made.
    """

    database: Engine
    words: Words
    random: Random
    fee: Money
    secret: bytes


Conversation = Talk[Desk]
vocabulary: Vocabulary[Desk] = Vocabulary()


def own_message_when(outcome: str) -> Callable[[Conversation, str], Say | None]:
    """`by_sms` of an action that queues a message itself where it ends so; else one calls again."""

    def by_sms(_talk: Conversation, came: str) -> Say | None:
        return None if came == outcome else Say("sms.call_again")

    return by_sms
