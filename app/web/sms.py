"""What SMS providers tell us: messages from phones. Authenticate, read, do, answer."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

import structlog
from flask import Blueprint, Response, abort, g, request
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.database import transaction
from app.base.errors import InvalidInput
from app.base.phone import Phone
from app.journeys.by_sms import answer_sms
from app.runtime import runtime
from app.settings import Settings

_LONGEST_BODY = 8 * 1024
_LONGEST_ID = 64
_log = structlog.get_logger("sms")


def blueprint(settings: Settings) -> Blueprint:
    """The providers' addresses; Africa's Talking's carries the token in production."""
    pages = Blueprint("sms", __name__, url_prefix="/sms")
    token = settings.callback_token.get_secret_value().encode()

    def with_token(given: str) -> Response:
        if not token or not hmac.compare_digest(given.encode(), token):
            abort(404)
        return _africastalking()

    address = "/africastalking/inbound"
    if not settings.production:
        pages.add_url_rule(address, "africastalking", _africastalking, methods=["POST"])
    pages.add_url_rule(f"{address}/<given>", "africastalking_token", with_token, methods=["POST"])
    pages.add_url_rule("/twilio/inbound", "twilio", _twilio, methods=["POST"])
    return pages


def _africastalking() -> Response:
    def read(form: Mapping[str, str]) -> tuple[str, str, str]:
        return _field(form, "id"), _field(form, "from"), form.get("text", "")

    return _received("africastalking", read, Response("", content_type="text/plain"))


def _twilio() -> Response:
    """Signed over the address the provider was given, which is PUBLIC_URL's."""
    settings = runtime().settings
    signed = request.headers.get("X-Twilio-Signature", "")
    validator = RequestValidator(settings.twilio_auth_token.get_secret_value())
    address = settings.public_url.rstrip("/") + request.full_path.rstrip("?")
    if not settings.twilio_auth_token.get_secret_value() or not validator.validate(
        address, request.form, signed
    ):
        abort(403)

    def read(form: Mapping[str, str]) -> tuple[str, str, str]:
        return _field(form, "MessageSid"), _field(form, "From"), form.get("Body", "")

    return _received("twilio", read, Response(str(MessagingResponse()), content_type="text/xml"))


def _received(
    provider: str, read: Callable[[Mapping[str, str]], tuple[str, str, str]], done: Response
) -> Response:
    request.max_content_length = _LONGEST_BODY
    try:
        identity, sender, body = read(request.form)
        phone = Phone.parse(sender)
    except RequestEntityTooLarge:
        return Response("body: over 8 KiB", 400, content_type="text/plain")
    except InvalidInput as error:
        why = f"{error.params['what']}: {error.params['why']}"
        return Response(why, 400, content_type="text/plain")
    maalem = runtime()
    with transaction(maalem.database) as connection:
        keyword = answer_sms(
            connection, maalem.words, provider, identity, phone, body, maalem.clock()
        )
    _log.info(
        "sms_in", request_id=g.request_id, provider=provider, phone=phone, keyword=keyword or "?"
    )
    return done


def _field(form: Mapping[str, str], name: str) -> str:
    found = form.get(name, "").strip().replace("\0", "")
    if not found or len(found) > _LONGEST_ID:
        raise InvalidInput(what=name, why="missing" if not found else "too long")
    return found
