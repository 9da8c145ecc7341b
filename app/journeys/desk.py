"""What actions work with, and the vocabulary they are registered in."""

from dataclasses import dataclass
from random import Random

from sqlalchemy import Engine

from app.base.money import Money
from app.text.words import Words
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
