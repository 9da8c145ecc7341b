"""Where a talk stands, who is on the line, and what an input led to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Generic, NamedTuple

from app.base.hop import Reply
from app.base.phone import Phone
from app.text.encoding import Limits
from app.ussd.deferred import DeferredAction
from app.ussd.vocabulary import Services


@dataclass(slots=True)
class Position:
    """Where a talk stands. All of it is JSON, and all of it is kept between hops.

    `path` is the screens to go back through, the current one last; `visits` counts screens
    entered, so that an action has another key each time it is really asked for again; `wrong` is
    the sentence on top that says why a screen is asked again, and moves its pages; `tries` counts
    wrong answers to it. `held` and `held_page` are where to go on after a detour, `heading` the
    screen to enter then.
    """

    language: str
    path: list[str] = field(default_factory=list)
    page: int = 0
    visits: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""
    tries: int = 0
    held: list[str] = field(default_factory=list)
    held_page: int = 0
    heading: str = ""


@dataclass(slots=True)
class Caller(Generic[Services]):
    """Who is on the line for this hop, what the gateway's screen carries, and what actions may
    work with. `began` is when the hop arrived, on the monotonic clock; `late` the action of this
    hop that was too slow for the screen; `ahead`: answers were dialled behind the code.
    """

    session_id: str
    phone: Phone
    now: datetime
    services: Services
    limits: Limits
    began: float = field(default_factory=monotonic)
    late: DeferredAction | None = None
    ahead: bool = False


class InputResult(NamedTuple):
    """What an input led to: `how` is answered, back, more, wrong or changed; `noted` is the input
    as it may be kept, without what people type of themselves.
    """

    reply: Reply
    how: str
    noted: str

    @property
    def understood(self) -> bool:
        return self.how not in {"wrong", "changed"}
