"""The plain dialect for an operator's own gateway: JSON, the last input alone, a reply in JSON.

    {"session_id", "msisdn", "service_code", "input", "type": "start"|"input"|"end", "message_id"}
    -> {"message", "continue"}

A retry repeats `message_id`; without one no retry can be recognised. Needed are `session_id`,
`msisdn` and `type`; a number is read where a text is meant, and a word in capitals.
"""

import json
from collections.abc import Mapping
from secrets import token_hex

from app.base.errors import InvalidInput
from app.base.hop import Hop, Reply, SessionEnd
from app.gateways.fields import cut_end_key, read_name, read_phone, read_text, refuse_missing

NAME = "generic"
_FIELDS = ("session_id", "msisdn", "type")


def parse(fields: Mapping[str, object]) -> Hop | SessionEnd:
    """Reads a hop or the end of a session.

    Raises: InvalidInput naming the field that cannot be read.
    """
    refuse_missing(fields, _FIELDS)
    session_id, phone = read_name(fields, "session_id"), read_phone(fields, "msisdn")
    kind = read_text(fields, "type").strip().lower()
    if kind == "end":
        return SessionEnd(NAME, session_id, phone, "incomplete")
    if kind not in ("start", "input"):
        raise InvalidInput(what="type", why="not start, input or end")
    typed = cut_end_key(read_text(fields, "input"))
    # Prefixed, so that the id of a message is never read as a chain of inputs.
    known = read_text(fields, "message_id")
    message = "#" + (read_name(fields, "message_id") if known else token_hex(8))
    return Hop(NAME, session_id, phone, typed, message, starts=kind == "start")


def render(reply: Reply) -> str:
    return json.dumps({"message": reply.text, "continue": reply.more}, ensure_ascii=False)
