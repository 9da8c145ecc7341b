"""Options of the loopback server, set at the start and while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from app.base.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports of accepted messages: their delay, and shares (0 to 1) of irregular ones.

    `never`: no report at all; `failed`: not delivered; `repeat`: each comes twice; `disorder`: the
    last comes first; `unknown`: an undocumented word comes in between.
    """

    delay_ms: int = 300
    never: float = 0.0
    failed: float = 0.0
    repeat: float = 0.0
    disorder: float = 0.0
    unknown: float = 0.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses for Africa's Talking's posts, and for a phone's message to Twilio; empty: none.

    Twilio's reports go where each message says.
    """

    delivery: str = ""
    inbound: str = ""
    optout: str = ""
    twilio_inbound: str = ""

    @classmethod
    def under(cls, base: str, token: str = "") -> "Addresses":
        """Returns the addresses of a service at `base` (docs/contract.md, SMS callbacks)."""
        base, behind = base.rstrip("/"), f"/{token}" if token else ""
        at = f"{base}/sms/africastalking"
        return cls(
            delivery=f"{at}/delivery{behind}",
            inbound=f"{at}/inbound{behind}",
            optout=f"{at}/optout{behind}",
            twilio_inbound=f"{base}/sms/twilio/inbound",
        )


@dataclass(frozen=True, slots=True)
class Options:
    """Empty keys accept anybody; `slow_ms` is how much longer the fault `slow` takes.

    `balance` is what both accounts have left, in US dollars; `account` is Twilio's word for it.
    """

    latency_ms: int = 0
    slow_ms: int = 15_000
    seed: int = 1
    api_key: str = field(default="", repr=False)
    auth_token: str = field(default="", repr=False)
    balance: str = "120.50"
    account: str = "active"
    reports: Reports = Reports()
    addresses: Addresses = Addresses()


_Part = TypeVar("_Part", Options, Reports, Addresses)


def changed(before: _Part, values: Mapping[str, Any]) -> _Part:
    """Returns the options with the values of a control request. Raises: InvalidInput."""
    known = {part.name: getattr(before, part.name) for part in fields(before)}
    for name, value in values.items():
        if name not in known:
            raise InvalidInput(what=name, why="no such option")
        wanted = (int, float) if isinstance(known[name], int | float) else type(known[name])
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise InvalidInput(what=name, why="another kind of value is needed")
    return replace(before, **values)
