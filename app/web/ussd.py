"""The gateways' callbacks: authenticate, parse, turn, render. Always a screen for a phone."""

import hmac
from contextlib import suppress
from time import perf_counter

import structlog
from flask import Blueprint, Response, abort, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.database import reading
from app.base.errors import InvalidInput, Unavailable
from app.base.hop import Hop, Reply
from app.enrolment.queries import find_language
from app.gateways import africastalking
from app.observe import metrics
from app.runtime import Runtime, runtime
from app.settings import Settings
from app.text.words import DEFAULT
from app.ussd.engine import Caller
from app.ussd.turn import Turned

_LONGEST_BODY = 8 * 1024
_ENDINGS = frozenset({"success", "incomplete", "failed"})
_log = structlog.get_logger("ussd")


def blueprint(settings: Settings) -> Blueprint:
    """The callback addresses; in production the token is part of them and anything else is 404."""
    pages = Blueprint("ussd", __name__, url_prefix="/ussd/africastalking")
    token = settings.callback_token.get_secret_value()
    if not settings.production:
        pages.post("")(_callback)
        pages.post("/events")(_session_ended)

    def callback_with_token(given: str) -> Response:
        _check(given, token)
        return _callback()

    def events_with_token(given: str) -> Response:
        _check(given, token)
        return _session_ended()

    pages.post("/<given>")(callback_with_token)
    pages.post("/events/<given>")(events_with_token)
    return pages


def _check(given: str, token: str) -> None:
    if not token or not hmac.compare_digest(given.encode(), token.encode()):
        abort(404)


def _callback() -> Response:
    began = perf_counter()
    request.max_content_length = _LONGEST_BODY
    try:
        hop = africastalking.parse(request.form)
    except RequestEntityTooLarge:
        return _plain("body: over 8 KiB", 400)
    except InvalidInput as error:
        return _plain(f"{error.params['what']}: {error.params['why']}", 400)
    turned = answer_hop(runtime(), hop)
    seconds = perf_counter() - began
    metrics.hop_seconds.labels(turned.screen, turned.outcome).observe(seconds)
    _log.info(
        "hop",
        request_id=g.request_id,
        phone=hop.phone,
        screen=turned.screen,
        outcome=turned.outcome,
        language=turned.language,
        ms=round(seconds * 1000, 2),
    )
    return _plain(africastalking.render(turned.reply))


def answer_hop(maalem: Runtime, hop: Hop) -> Turned:
    """The screen for a hop, and a screen too when something is away, late or wrong."""
    what = "unknown"
    try:
        caller = Caller(hop.session_id, hop.phone, maalem.clock(), maalem.desk)
        return maalem.turns.answer(hop, caller, DEFAULT)
    except Unavailable as error:
        what = error.params["what"]
        _log.error("away", request_id=g.request_id, what=what)
    except Exception:
        _log.exception("failed", request_id=g.request_id)
    language = _language(maalem, hop, what)
    return Turned(Reply(_away_words(maalem, language), False), "away", "away", language or "")


def _away_words(maalem: Runtime, language: str | None) -> str:
    """In the caller's language, or in both scripts when that cannot be known."""
    words = maalem.words
    if language:
        return words.say(words.spoken(language), "away")
    return "\n".join(words.say(spoken, "away.short") for spoken in ("fr", "ar"))


def _language(maalem: Runtime, hop: Hop, away: str) -> str | None:
    """From whichever of Redis and PostgreSQL still answers; what is away is not asked again."""
    if away != "redis":
        with suppress(Exception):
            if (record := maalem.turns.sessions.load(hop)) is not None:
                return record.place.language
    if away == "redis":
        with suppress(Exception):
            return maalem.deadline.run(_remembered_language, maalem, hop)
    return None


def _remembered_language(maalem: Runtime, hop: Hop) -> str | None:
    with reading(maalem.database) as connection:
        return find_language(connection, hop.phone)


def _session_ended() -> Response:
    """The gateway's notice that a session is over; only its kind of end is kept."""
    status = request.form.get("status", "").lower()
    status = status if status in _ENDINGS else "other"
    metrics.sessions_ended.labels(status).inc()
    _log.info("session_ended", request_id=g.request_id, status=status)
    return _plain("")


def _plain(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")
