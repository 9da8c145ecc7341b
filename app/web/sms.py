"""What SMS providers tell us: reports, messages from phones, opt-outs. Authenticate, read, do.

Whatever could be read is answered 200 once it is stored; with the database away it is 503, so that
the provider tells it again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

import structlog
from flask import Blueprint, Response, abort, g, request
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.database import transaction
from app.base.errors import InvalidInput
from app.journeys.by_sms import answer_sms
from app.messaging.reports import store_report
from app.messaging.stops import note_provider_stop
from app.observe import metrics
from app.runtime import runtime
from app.settings import Settings
from app.sms.africastalking import AfricasTalkingReader
from app.sms.provider import Reader
from app.sms.twilio import TwilioReader

_LONGEST_BODY = 8 * 1024
_AFRICASTALKING, _TWILIO = AfricasTalkingReader(), TwilioReader()
_log = structlog.get_logger("sms")


def blueprint(settings: Settings) -> Blueprint:
    """The providers' addresses; Africa's Talking's carry the token in production."""
    pages = Blueprint("sms", __name__, url_prefix="/sms")
    _add_with_token(pages, settings, "delivery", lambda: _report("africastalking", _AFRICASTALKING))
    _add_with_token(pages, settings, "inbound", lambda: _inbound("africastalking", _AFRICASTALKING))
    _add_with_token(pages, settings, "optout", _optout)
    _add_signed(pages, "status", lambda: _report("twilio", _TWILIO))
    _add_signed(pages, "inbound", lambda: _inbound("twilio", _TWILIO, str(MessagingResponse())))
    return pages


def _add_with_token(
    pages: Blueprint, settings: Settings, path: str, answer: Callable[[], Response]
) -> None:
    token = settings.callback_token.get_secret_value().encode()

    def with_token(given: str) -> Response:
        if not token or not hmac.compare_digest(given.encode(), token):
            abort(404)
        return _read(answer)

    address, name = f"/africastalking/{path}", f"africastalking_{path}"
    if not settings.production:
        pages.add_url_rule(address, name, lambda: _read(answer), methods=["POST"])
    pages.add_url_rule(f"{address}/<given>", f"{name}_token", with_token, methods=["POST"])


def _add_signed(pages: Blueprint, path: str, answer: Callable[[], Response]) -> None:
    def signed() -> Response:
        if not _is_signed():
            abort(403)
        return answer()

    pages.add_url_rule(f"/twilio/{path}", f"twilio_{path}", lambda: _read(signed), methods=["POST"])


def _is_signed() -> bool:
    """Over every field and the address the provider was given, which is PUBLIC_URL's."""
    settings = runtime().settings
    secret = settings.twilio_auth_token.get_secret_value()
    address = settings.public_url.rstrip("/") + request.full_path.rstrip("?")
    given = request.headers.get("X-Twilio-Signature", "")
    return bool(secret) and bool(RequestValidator(secret).validate(address, request.form, given))


def _read(answer: Callable[[], Response]) -> Response:
    """The answer, or in one line why nobody sends such a thing."""
    request.max_content_length = _LONGEST_BODY
    try:
        return answer()
    except RequestEntityTooLarge:
        return Response("body: over 8 KiB", 400, content_type="text/plain")
    except InvalidInput as error:
        why = f"{error.params['what']}: {error.params['why']}"
        return Response(why, 400, content_type="text/plain")


def _report(provider: str, reader: Reader) -> Response:
    report, maalem = reader.read_report(request.form, request.args), runtime()
    providers = maalem.settings.sms_providers
    with transaction(maalem.database) as connection:
        came = store_report(connection, provider, report, maalem.clock(), providers=providers)
    metrics.delivery_reports.labels(provider, report.outcome or "unknown_word").inc()
    _log.info("sms_report", request_id=g.request_id, provider=provider, came=came)
    return Response("", content_type="text/plain")


def _inbound(provider: str, reader: Reader, told: str = "") -> Response:
    """Twilio names what it has answered itself; a second answer would be one too many."""
    sms, maalem = reader.read_inbound(request.form), runtime()
    there = bool(request.form.get("OptOutType"))
    with transaction(maalem.database) as connection:
        heard = answer_sms(
            connection, maalem.desk, provider, sms, maalem.clock(), answered_there=there
        )
    _log.info(
        "sms_in",
        request_id=g.request_id,
        provider=provider,
        phone=sms.sender,
        keyword=heard.keyword or "?",
        answered=heard.answered,
    )
    return Response(told, content_type="text/xml" if told else "text/plain")


def _optout() -> Response:
    """Somebody told the provider itself to stop: it holds for all reminders and news."""
    phone, maalem = _AFRICASTALKING.read_optout(request.form), runtime()
    with transaction(maalem.database) as connection:
        new = note_provider_stop(connection, "africastalking", phone, maalem.clock())
    _log.info("sms_optout", request_id=g.request_id, phone=phone, new=new)
    return Response("", content_type="text/plain")
