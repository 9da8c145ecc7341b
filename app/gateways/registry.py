"""Lists the gateways. A new dialect is a file beside this one and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.base.hop import Hop, Reply, SessionEnd
from app.gateways import africastalking, generic

_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The protocol of one gateway: its callbacks, its notices of ended sessions, our replies.

    `content_type` is that of the replies. A JSON dialect sends JSON too, any other a form. A
    dialect without `parse_end` sends the end of a session to the address of its hops.
    """

    name: str
    parse: Callable[[Mapping[str, object]], Hop | SessionEnd]
    render: Callable[[Reply], str]
    content_type: str
    parse_end: Callable[[Mapping[str, object]], SessionEnd] | None = None

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
