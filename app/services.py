"""What a change needs besides its operation: one bundle, made once for a process."""

from dataclasses import dataclass
from random import Random

from sqlalchemy import Engine

from app.base.money import Money
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the words of messages and screens, and what an installation decides.

    `random` is the secure source of codes. `fee` is what an artisan pays beside a contribution.
    `secret` is the installation's own: each use of it makes a key apart.
    """

    database: Engine
    words: Words
    random: Random
    fee: Money
    secret: bytes
