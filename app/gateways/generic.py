"""The plain dialect for an operator's own gateway: JSON, the last input alone, a reply in JSON.

    {"session_id", "msisdn", "service_code", "input", "type": "start"|"input"|"end", "message_id"}
    -> {"message", "continue"}

A retry repeats `message_id`; without one no retry can be recognised.
"""

import json
from collections.abc import Mapping
from secrets import token_hex

from app.base.errors import InvalidInput
from app.base.hop import Hop, Reply, SessionEnd
from app.gateways.fields import read_name, read_phone, refuse_missing

NAME = "generic"
_FIELDS = ("session_id", "msisdn", "type")
_FIELDS_OF_A_HOP = ("service_code", "input")


def parse(fields: Mapping[str, object]) -> Hop | SessionEnd:
    """Reads a hop or the end of a session.

    Raises: InvalidInput naming the field that cannot be read.
    """
    refuse_missing(fields, _FIELDS)
    session_id, phone = read_name(fields, "session_id"), read_phone(fields, "msisdn")
    kind = fields["type"]
    if kind == "end":
        return SessionEnd(NAME, session_id, phone, "incomplete")
    if kind not in ("start", "input"):
        raise InvalidInput(what="type", why="not start, input or end")
    # The end of a session has no input: only a hop is refused without it.
    refuse_missing(fields, _FIELDS_OF_A_HOP)
    typed = fields["input"] if fields["input"] is not None else ""
    if not isinstance(typed, str):
        raise InvalidInput(what="input", why="not a text")
    # Prefixed, so that the id of a message is never read as a chain of inputs.
    message = "#" + (read_name(fields, "message_id") if "message_id" in fields else token_hex(8))
    return Hop(NAME, session_id, phone, typed, message, starts=kind == "start")


def render(reply: Reply) -> str:
    return json.dumps({"message": reply.text, "continue": reply.more}, ensure_ascii=False)
