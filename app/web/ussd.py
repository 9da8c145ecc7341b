"""The gateways' callbacks: authenticate, parse, answer, render. A phone always gets a screen."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from time import perf_counter
from urllib.parse import unquote

import structlog
from flask import Blueprint, Response, abort, g, request
from flask.globals import request_ctx
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.database import reading
from app.base.errors import InvalidInput, Unavailable
from app.base.hop import Hop, Reply, SessionEnd
from app.base.json_text import read_json
from app.base.spans import note, note_failure, span
from app.enrolment.queries import find_language
from app.gateways.operators import UNKNOWN
from app.gateways.registry import GATEWAYS, Dialect
from app.observe import metrics
from app.observe.outages import find_database_away, find_redis_away, write_moment
from app.observe.references import find_reference
from app.runtime import Runtime, runtime
from app.services import Services
from app.settings import Settings
from app.text.languages import DEFAULT
from app.ussd.position import Caller
from app.ussd.turn import TurnResult
from app.web.access import Audience, open_to
from app.web.callbacks import is_admitted

_log = structlog.get_logger("ussd")
# Few of each are there, and finding one costs as much as counting by it.
_timer = cache(metrics.hop_seconds.labels)
_counter, _screens = cache(metrics.hops.labels), cache(metrics.screens.labels)


def blueprint(settings: Settings) -> Blueprint:
    """Returns the callback addresses; in production each ends with the token, else it is 404."""
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
    parse: Callable[[Mapping[str, object]], Hop | SessionEnd],
) -> None:
    name = f"{dialect.name}{path.replace('/', '_')}"

    @open_to(Audience.DEVELOPMENT)
    def without_token() -> Response:
        return _answer(dialect, parse)

    @open_to(Audience.GATEWAY)
    def with_token(given: str) -> Response:
        if not is_admitted(settings, dialect.name, given):
            abort(404)
        return _answer(dialect, parse)

    address = f"/{dialect.name}{path}"
    if not settings.production:
        pages.add_url_rule(address, name, without_token, methods=["POST"])
    pages.add_url_rule(f"{address}/<given>", f"{name}_token", with_token, methods=["POST"])


def _answer(
    dialect: Dialect, parse: Callable[[Mapping[str, object]], Hop | SessionEnd]
) -> Response:
    """Answers a hop with a screen, a session's end with nothing, a wrong request with one line."""
    try:
        parsed = parse(_read_fields(dialect))
    except RequestEntityTooLarge:
        return _refuse(dialect, "body: over 8 KiB")
    except InvalidInput as error:
        return _refuse(dialect, f"{error.params['what']}: {error.params['why']}")
    if isinstance(parsed, SessionEnd):
        return _answer_end(dialect, parsed)
    return _respond(dialect, dialect.render(_answer_measured(runtime(), parsed).reply))


def _read_fields(dialect: Dialect) -> Mapping[str, object]:
    if not dialect.speaks_json:
        return _read_form()
    try:
        fields = read_json(request.get_data())
    except ValueError as error:
        raise InvalidInput(what="body", why=str(error)) from None
    if not isinstance(fields, dict):
        raise InvalidInput(what="body", why="not a JSON object")
    return fields


def _read_form() -> Mapping[str, str]:
    """Returns the first value of each field, as `request.form` has it, at a quarter of its cost."""
    asked = request_ctx.request
    if asked.mimetype != "application/x-www-form-urlencoded":
        return asked.form
    try:
        pairs = asked.get_data().decode().replace("+", " ").split("&")
    except UnicodeDecodeError:
        return {}
    # The last first, so that the first stays.
    halves = [pair.partition("=") for pair in reversed(pairs) if pair]
    return {_read_quoted(name): _read_quoted(value) for name, _, value in halves}


def _read_quoted(text: str) -> str:
    return unquote(text, errors="werkzeug.url_quote") if "%" in text else text


def _answer_measured(maalem: Runtime, hop: Hop) -> TurnResult:
    """Answers a hop, and records its time for the metrics and the log."""
    began = perf_counter()
    with span("hop", gateway=hop.gateway, operator=hop.operator) as part:
        result = answer_hop(maalem, hop)
        part.note(screen=result.screen, outcome=result.outcome, language=result.language)
    seconds = perf_counter() - began
    _timer(hop.gateway, hop.operator).observe(seconds)
    _counter(hop.gateway, hop.operator, result.outcome).inc()
    _screens(result.screen).inc()
    session = _name_talk(maalem, hop)
    note(session=session)
    _log.info(
        "hop",
        request_id=g.request_id,
        session=session,
        gateway=hop.gateway,
        operator=hop.operator,
        phone=hop.phone,
        screen=result.screen,
        outcome=result.outcome,
        language=result.language,
        ms=round(seconds * 1000, 2),
    )
    return result


def _answer_end(dialect: Dialect, end: SessionEnd) -> Response:
    """Counts a session's end by its status, and logs where the dialogue stood."""
    metrics.sessions_ended.labels(end.status).inc()
    _log.info("session_ended", request_id=g.request_id, gateway=end.gateway, status=end.status)
    if end.phone and end.session_id:
        maalem = runtime()
        hop = Hop(end.gateway, end.session_id, end.phone, "")
        with suppress(Unavailable):
            maalem.turns.log_end(hop, end.status, _make_caller(maalem, hop))
    return _respond(dialect, dialect.render(Reply("", False)) if dialect.speaks_json else "")


def _make_caller(maalem: Runtime, hop: Hop) -> Caller[Services]:
    limits = maalem.limits[hop.gateway]
    return Caller(hop.session_id, hop.phone, maalem.clock(), maalem.services, limits)


def answer_hop(maalem: Runtime, hop: Hop) -> TurnResult:
    """Returns the screen for a hop; if the service is away or fails, a screen that says so."""
    away = "unknown"
    try:
        return maalem.turns.answer(hop, _make_caller(maalem, hop), DEFAULT)
    except Unavailable as error:
        away = error.params["what"]
        _log.error("away", **_name_call(maalem, hop), what=away)
    except Exception:
        _log.exception("failed", **_name_call(maalem, hop))
    note_failure()
    language = _find_language(maalem, hop, away)
    words = _away_words(maalem, language, _find_beginning(maalem, away))
    return TurnResult(Reply(words, False), "away", "away", language or "")


def _name_call(maalem: Runtime, hop: Hop) -> dict[str, str]:
    """Returns what leads from a line of the log to the screen, the answer and the talk."""
    return {
        "request_id": g.request_id,
        "reference": find_reference(g.request_id),
        "session": _name_talk(maalem, hop),
    }


def _name_talk(maalem: Runtime, hop: Hop) -> str:
    """Returns the talk's name; none in a process that has not yet reached a node of its Cluster."""
    with suppress(Unavailable):
        return maalem.turns.sessions.name_talk(hop)
    return ""


def answer_busy() -> Response:
    """Answers a hop for which there was no slot in time, as one while the service is away."""
    named = request.path.split("/")[2]
    dialect = next((each for each in GATEWAYS if each.name == named), GATEWAYS[0])
    metrics.hops.labels(dialect.name, UNKNOWN, "busy").inc()
    note_failure()
    _log.warning("busy", request_id=g.request_id, reference=find_reference(g.request_id))
    return _respond(dialect, dialect.render(Reply(_away_words(runtime(), None, None), False)))


def _find_beginning(maalem: Runtime, away: str) -> datetime | None:
    """Returns since when the engine is away, if the other one knows; it never fails."""
    with suppress(Exception):
        if away == "redis":
            return maalem.deadline.run(_find_redis_away, maalem)
        return find_database_away(maalem.redis)
    return None


def _find_redis_away(maalem: Runtime) -> datetime | None:
    with reading(maalem.database) as connection:
        return find_redis_away(connection)


def _away_words(maalem: Runtime, language: str | None, since: datetime | None) -> str:
    """Returns the sentence in the caller's language, or in both scripts if it is not known.

    Under it stands the reference by which the help desk finds what happened.
    """
    words = maalem.words
    spoken = words.language_or_default(language or DEFAULT)
    if language and since:
        began = {"down_since": write_moment(since, maalem.clock())}
        lines = [words.say(spoken, "away.since", began)]
    elif language:
        lines = [words.say(spoken, "away")]
    else:
        lines = [words.say(each, "away.short") for each in ("fr", "ar")]
    reference = words.say(spoken, "away.reference", {"reference": find_reference(g.request_id)})
    return "\n".join([*lines, reference])


def _find_language(maalem: Runtime, hop: Hop, away: str) -> str | None:
    """Returns the language from Redis or PostgreSQL, without asking the engine that is away."""
    if away != "redis":
        with suppress(Exception):
            loaded = maalem.turns.sessions.load(hop, maalem.clock())
            if record := loaded.record or loaded.broken_off:
                return record.position.language
    if away == "redis":
        with suppress(Exception):
            return maalem.deadline.run(_find_stored_language, maalem, hop)
    return None


def _find_stored_language(maalem: Runtime, hop: Hop) -> str | None:
    with reading(maalem.database) as connection:
        return find_language(connection, hop.phone)


def _refuse(dialect: Dialect, why: str) -> Response:
    return _respond(dialect, json.dumps({"error": why}) if dialect.speaks_json else why, 400)


def _respond(dialect: Dialect, text: str, status: int = 200) -> Response:
    return Response(text, status, content_type=dialect.content_type)
