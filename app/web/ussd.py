"""The gateways' callbacks: authenticate, parse, turn, render. Always a screen for a phone."""

import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter

import structlog
from flask import Blueprint, Response, abort, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.database import reading
from app.base.errors import InvalidInput, Unavailable
from app.base.hop import Ended, Hop, Reply
from app.enrolment.queries import find_language
from app.gateways.registry import GATEWAYS, Dialect
from app.observe import metrics
from app.runtime import Runtime, runtime
from app.services import Services
from app.settings import Settings
from app.text.languages import DEFAULT
from app.ussd.position import Caller
from app.ussd.turn import TurnResult
from app.web.access import Audience, open_to

_LONGEST_BODY = 8 * 1024
_log = structlog.get_logger("ussd")


def blueprint(settings: Settings) -> Blueprint:
    """The callback addresses; in production the token is part of them and anything else is 404."""
    pages = Blueprint("ussd", __name__, url_prefix="/ussd")
    for dialect in GATEWAYS:
        _add_address(pages, settings, dialect, "", dialect.parse)
        if dialect.parse_end:
            _add_address(pages, settings, dialect, "/events", dialect.parse_end)
    return pages


def _add_address(
    pages: Blueprint,
    settings: Settings,
    dialect: Dialect,
    path: str,
    parse: Callable[[Mapping[str, object]], Hop | Ended],
) -> None:
    token = settings.callback_token.get_secret_value().encode()
    name = f"{dialect.name}{path.replace('/', '_')}"

    @open_to(Audience.DEVELOPMENT)
    def without_token() -> Response:
        return _answer(dialect, parse)

    @open_to(Audience.GATEWAY)
    def with_token(given: str) -> Response:
        if not token or not hmac.compare_digest(given.encode(), token):
            abort(404)
        return _answer(dialect, parse)

    address = f"/{dialect.name}{path}"
    if not settings.production:
        pages.add_url_rule(address, name, without_token, methods=["POST"])
    pages.add_url_rule(f"{address}/<given>", f"{name}_token", with_token, methods=["POST"])


def _answer(dialect: Dialect, parse: Callable[[Mapping[str, object]], Hop | Ended]) -> Response:
    """A screen for a hop, nothing for an end, and one line of why for what no gateway sends."""
    request.max_content_length = _LONGEST_BODY
    try:
        said = parse(_fields(dialect))
    except RequestEntityTooLarge:
        return _refused(dialect, "body: over 8 KiB")
    except InvalidInput as error:
        return _refused(dialect, f"{error.params['what']}: {error.params['why']}")
    if isinstance(said, Ended):
        return _ended(dialect, said)
    return _written(dialect, dialect.render(_turned(said).reply))


def _fields(dialect: Dialect) -> Mapping[str, object]:
    if not dialect.speaks_json:
        return request.form
    try:
        fields = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise InvalidInput(what="body", why="not JSON") from None
    if not isinstance(fields, dict):
        raise InvalidInput(what="body", why="not a JSON object")
    return fields


def _turned(hop: Hop) -> TurnResult:
    began = perf_counter()
    turned = answer_hop(runtime(), hop)
    seconds = perf_counter() - began
    metrics.hop_seconds.labels(turned.screen, turned.outcome).observe(seconds)
    _log.info(
        "hop",
        request_id=g.request_id,
        gateway=hop.gateway,
        phone=hop.phone,
        screen=turned.screen,
        outcome=turned.outcome,
        language=turned.language,
        ms=round(seconds * 1000, 2),
    )
    return turned


def _ended(dialect: Dialect, ended: Ended) -> Response:
    """Only its kind of end is kept, and where the talk stood; the rest of the notice is not."""
    metrics.sessions_ended.labels(ended.status).inc()
    _log.info("session_ended", request_id=g.request_id, gateway=ended.gateway, status=ended.status)
    if ended.phone and ended.session_id:
        maalem = runtime()
        hop = Hop(ended.gateway, ended.session_id, ended.phone, "")
        with suppress(Unavailable):
            maalem.turns.log_end(hop, ended.status, _caller(maalem, hop))
    return _written(dialect, dialect.render(Reply("", False)) if dialect.speaks_json else "")


def _caller(maalem: Runtime, hop: Hop) -> Caller[Services]:
    limits = maalem.limits[hop.gateway]
    return Caller(hop.session_id, hop.phone, maalem.clock(), maalem.services, limits)


def answer_hop(maalem: Runtime, hop: Hop) -> TurnResult:
    """The screen for a hop, and a screen too when something is away, late or wrong."""
    what = "unknown"
    try:
        return maalem.turns.answer(hop, _caller(maalem, hop), DEFAULT)
    except Unavailable as error:
        what = error.params["what"]
        _log.error("away", request_id=g.request_id, what=what)
    except Exception:
        _log.exception("failed", request_id=g.request_id)
    language = _language(maalem, hop, what)
    return TurnResult(Reply(_away_words(maalem, language), False), "away", "away", language or "")


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
            found = maalem.turns.sessions.load(hop)
            if record := found.record or found.broken_off:
                return record.position.language
    if away == "redis":
        with suppress(Exception):
            return maalem.deadline.run(_remembered_language, maalem, hop)
    return None


def _remembered_language(maalem: Runtime, hop: Hop) -> str | None:
    with reading(maalem.database) as connection:
        return find_language(connection, hop.phone)


def _refused(dialect: Dialect, why: str) -> Response:
    return _written(dialect, json.dumps({"error": why}) if dialect.speaks_json else why, 400)


def _written(dialect: Dialect, text: str, status: int = 200) -> Response:
    return Response(text, status, content_type=dialect.content_type)
