"""Africa's Talking: a form with the whole chain of inputs, answered `CON ...` or `END ...`."""

from collections.abc import Mapping
from contextlib import suppress

from app.base.errors import InvalidInput
from app.base.hop import Hop, Reply, SessionEnd
from app.gateways.fields import cut_end_key, read_name, read_phone, read_text, refuse_missing
from app.gateways.operators import name_operator

NAME = "africastalking"
_FIELDS = ("sessionId", "phoneNumber")
_ENDINGS = frozenset({"success", "incomplete", "failed"})


def parse(fields: Mapping[str, object]) -> Hop:
    """Reads the hop from a posted form. What else it holds may be absent: simulators leave it out.

    Raises: InvalidInput naming the field that no gateway would send so.
    """
    refuse_missing(fields, _FIELDS)
    session_id = read_name(fields, "sessionId")
    chain = cut_end_key(read_text(fields, "text"))
    operator = name_operator(read_text(fields, "networkCode"))
    return Hop(NAME, session_id, read_phone(fields, "phoneNumber"), chain, operator=operator)


def parse_end(fields: Mapping[str, object]) -> SessionEnd:
    """Reads the notice that a session is over; one that cannot be read is still a notice."""
    status = str(fields.get("status", "")).lower()
    phone = None
    with suppress(InvalidInput, KeyError):
        phone = read_phone(fields, "phoneNumber")
    session_id = str(fields.get("sessionId", ""))
    return SessionEnd(NAME, session_id, phone, status if status in _ENDINGS else "other")


def render(reply: Reply) -> str:
    return ("CON " if reply.more else "END ") + reply.text
