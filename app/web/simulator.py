"""The phone of development: a page that speaks the gateway's dialect, and its SMS inbox."""

from flask import Blueprint, Response, jsonify, request

from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.messaging.queries import messages_to
from app.web.requests import runtime

pages = Blueprint("simulator", __name__, url_prefix="/simulator")


@pages.get("/messages.json")
def messages() -> tuple[Response, int]:
    """The SMS to `phone`, newest first."""
    try:
        phone = Phone.parse(request.args.get("phone", "").replace(" ", "+", 1))
    except InvalidInput as error:
        return jsonify(error=f"{error.params['what']}: {error.params['why']}"), 400
    with reading(runtime().database) as connection:
        found = messages_to(connection, phone)
    return jsonify(
        [
            {
                "to": phone.e164,
                "text": message.text,
                "encoding": message.encoding,
                "segments": message.segments,
                "status": message.state,
                "created_at": message.created_at.isoformat(),
            }
            for message in found
        ]
    ), 200
