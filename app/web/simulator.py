"""A phone for development: a page that speaks the gateway's dialect, and its SMS inbox."""

from datetime import timedelta

from flask import Blueprint, Response, jsonify, render_template, request

from app.base.clock import local
from app.base.database import reading
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.enrolment.samples import SAMPLE_PEOPLE
from app.messaging.queries import messages_to
from app.runtime import runtime
from app.text.encoding import GSM7_BASIC, GSM7_EXTENSION
from app.web.access import Audience, open_to

pages = Blueprint("simulator", __name__, url_prefix="/simulator")

# The gateway ends a session, or a hop without an answer, after this time (docs/rules.md, Networks).
_SESSION_SECONDS = 180
_ANSWER_SECONDS = 15


@pages.get("", strict_slashes=False)
@open_to(Audience.DEVELOPMENT)
def bench() -> str:
    """Shows the phone, the sample people, and the gateway's limits."""
    maalem = runtime()
    offset = local(maalem.clock()).utcoffset() or timedelta()
    limits = {
        "code": maalem.settings.ussd_code,
        "septets": maalem.limits["africastalking"].septets,
        "ucs2": maalem.limits["africastalking"].ucs2,
        "sessionSeconds": _SESSION_SECONDS,
        "answerSeconds": _ANSWER_SECONDS,
        "utcOffset": offset // timedelta(minutes=1),
        "basic": "".join(sorted(GSM7_BASIC)),
        "extension": "".join(sorted(GSM7_EXTENSION)),
    }
    return render_template("simulator/bench.html", facts=limits, people=SAMPLE_PEOPLE)


@pages.get("/messages.json")
@open_to(Audience.DEVELOPMENT)
def messages() -> tuple[Response, int]:
    """Returns the SMS to `phone`, newest first."""
    try:
        phone = Phone.parse(request.args.get("phone", "").replace(" ", "+", 1))
    except InvalidInput as error:
        return jsonify(error=f"{error.params['what']}: {error.params['why']}"), 400
    with reading(runtime().database) as connection:
        inbox = messages_to(connection, phone)
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
            for message in inbox
        ]
    ), 200
