"""A dialogue's position in the menu, the caller of a hop, and the result of an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Generic, NamedTuple

from app.base.hop import Reply
from app.base.phone import Phone
from app.text.encoding import Limits
from app.ussd.deferred import DeferredAction
from app.ussd.parts import Parts
from app.ussd.vocabulary import Services


@dataclass(slots=True)
class Position:
    """The state of a dialogue. All of it is JSON, and all of it is stored between hops.

    `path` holds the screens to go back through, from a home to the current one; only `Paths` sets
    it. `visits` counts the screens entered, so that each new request of an action has its own key.
    `facts` and `answers` are packed; the vocabulary's types read them. `refusal_reason` is the
    sentence above a screen that is asked again, or empty; `refusals` counts the inputs refused
    there. `suspended_path` and `suspended_page` are where to go on after a detour,
    `pending_screen` the screen to enter then.
    """

    language: str
    path: tuple[str, ...] = ()
    page: int = 0
    visits: int = 0
    facts: dict[str, object] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    refusal_reason: str = ""
    refusals: int = 0
    suspended_path: tuple[str, ...] = ()
    suspended_page: int = 0
    pending_screen: str = ""

    def __post_init__(self) -> None:
        """Makes of the lists that JSON has for paths what nobody changes in place."""
        self.path, self.suspended_path = tuple(self.path), tuple(self.suspended_path)


@dataclass(slots=True)
class Caller(Generic[Services]):
    """The phone of one hop, the limits of its screen, and the services its actions work with.

    `began` is when the hop arrived, in seconds of the monotonic clock. `deferred` is the action of
    this hop that was too slow for the screen. `ahead` is true if inputs were dialled behind the
    code, `lately` if the phone dialled before, less long ago than a dialogue is stored. `facts` are
    the position's, unpacked once for all screens and actions of the hop. `confirm` is
    called before an action may change something, if the dialogue was not read.
    """

    session_id: str
    phone: Phone
    now: datetime
    services: Services
    limits: Limits
    began: float = field(default_factory=monotonic)
    deferred: DeferredAction | None = None
    ahead: bool = False
    lately: bool = False
    facts: Parts | None = None
    confirm: Callable[[], None] | None = None


class InputResult(NamedTuple):
    """The screen after an input, and what the input was.

    `kind` is `answered`, `back`, `more`, `wrong` or `changed`. `recorded` is the input as it may be
    stored: without anything personal.
    """

    reply: Reply
    kind: str
    recorded: str

    @property
    def understood(self) -> bool:
        return self.kind not in {"wrong", "changed"}
