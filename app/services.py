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
    `secret` is the installation's own: each use derives a key of its own from it. An agent reverses
    a deposit alone within `reversal_minutes_alone`, and `reversals_a_day` in all.
    `old_secrets` came before `secret`, and are still good for comparing. `samples`: the sample
    agent's PIN, which everybody knows, is good; never in production.
    """

    database: Engine
    words: Words
    random: Random
    fee: Money
    secret: bytes
    reversal_minutes_alone: int
    reversals_a_day: int
    old_secrets: tuple[bytes, ...] = ()
    samples: bool = False
