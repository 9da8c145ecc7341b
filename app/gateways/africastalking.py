"""Africa's Talking: a form with the whole chain of inputs, answered `CON ...` or `END ...`."""

from collections.abc import Mapping

from app.base.errors import InvalidInput
from app.base.hop import Hop, Reply
from app.base.phone import Phone

NAME = "africastalking"
_FIELDS = ("sessionId", "serviceCode", "phoneNumber", "networkCode", "text")
_LONGEST_SESSION_ID = 128


def parse(form: Mapping[str, str]) -> Hop:
    """The hop in a posted form; InvalidInput names the field no gateway would send so."""
    for name in _FIELDS:
        if name not in form:
            raise InvalidInput(what=name, why="missing")
    session_id = form["sessionId"]
    if not session_id or len(session_id) > _LONGEST_SESSION_ID or not session_id.isprintable():
        raise InvalidInput(what="sessionId", why="empty, too long or not printable")
    if not form["serviceCode"]:
        raise InvalidInput(what="serviceCode", why="empty")
    try:
        # A plus sign that was not encoded arrives as a blank.
        number = form["phoneNumber"]
        phone = Phone.parse("+" + number[1:] if number.startswith(" ") else number)
    except InvalidInput:
        raise InvalidInput(what="phoneNumber", why="not a phone number") from None
    return Hop(NAME, session_id, phone, form["text"])


def render(reply: Reply) -> str:
    return ("CON " if reply.more else "END ") + reply.text
