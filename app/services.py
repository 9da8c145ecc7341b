"""The services that a change needs besides its operation, made once for a process."""

from dataclasses import dataclass
from random import Random

from sqlalchemy import Engine

from app.base.money import Money
from app.text.words import Words


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the words of messages and screens, and the installation's own values.

    `random` is the secure source of codes. `fee` is paid by an artisan beside a contribution.
    `secret` is the installation's own: each use derives a key of its own from it.
    """

    database: Engine
    words: Words
    random: Random
    fee: Money
    secret: bytes
