"""What may be set of the loopback server, at the start and while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from app.base.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Reports:
    """Of each message taken: when and how its reports go out. The rest are shares of one.

    `never`: none at all; `failed`: it was not delivered; `repeat`: each is told twice; `disorder`:
    the last comes first; `unknown`: a word nobody documented comes in between.
    """

    delay_ms: int = 300
    never: float = 0.0
    failed: float = 0.0
    repeat: float = 0.0
    disorder: float = 0.0
    unknown: float = 0.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Africa's Talking posts, and where a phone's message to Twilio goes; empty is nowhere.

    Twilio's reports go where each message says.
    """

    delivery: str = ""
    inbound: str = ""
    optout: str = ""
    twilio_inbound: str = ""

    @classmethod
    def under(cls, base: str, token: str = "") -> "Addresses":
        """The contract's addresses of a service at `base`."""
        base, behind = base.rstrip("/"), f"/{token}" if token else ""
        at = f"{base}/sms/africastalking"
        told = [f"{at}/{name}{behind}" for name in ("delivery", "inbound", "optout")]
        return cls(told[0], told[1], told[2], f"{base}/sms/twilio/inbound")


@dataclass(frozen=True, slots=True)
class Options:
    """Empty keys take anybody; `slow_ms` is how much longer the fault `slow` takes."""

    latency_ms: int = 0
    slow_ms: int = 15_000
    seed: int = 1
    api_key: str = field(default="", repr=False)
    auth_token: str = field(default="", repr=False)
    reports: Reports = Reports()
    addresses: Addresses = Addresses()


_Part = TypeVar("_Part", Options, Reports, Addresses)


def changed(before: _Part, told: Mapping[str, Any]) -> _Part:
    """With what a control request tells; InvalidInput for what is no option or no value of it."""
    known = {part.name: getattr(before, part.name) for part in fields(before)}
    for name, value in told.items():
        if name not in known:
            raise InvalidInput(what=name, why="no such option")
        wanted = (int, float) if isinstance(known[name], int | float) else type(known[name])
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise InvalidInput(what=name, why="another kind of value is needed")
    return replace(before, **told)
