"""The gateways there are. A new dialect is a file beside this one and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.base.hop import Ended, Hop, Reply
from app.gateways import africastalking, generic

_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one network speaks: its callbacks, its notices that a session is over, our answers.

    `content_type` is that of the answers; a JSON dialect is also asked in JSON, another by a form.
    A dialect without `parse_end` tells the end of a session where it tells everything else.
    """

    name: str
    parse: Callable[[Mapping[str, object]], Hop | Ended]
    render: Callable[[Reply], str]
    content_type: str
    parse_end: Callable[[Mapping[str, object]], Ended] | None = None

    @property
    def speaks_json(self) -> bool:
        return self.content_type == _JSON


GATEWAYS = (
    Dialect(
        africastalking.NAME,
        africastalking.parse,
        africastalking.render,
        _TEXT,
        africastalking.parse_end,
    ),
    Dialect(generic.NAME, generic.parse, generic.render, _JSON),
)
