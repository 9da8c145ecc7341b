"""The gateways' callbacks: authenticate, parse, answer, render. A phone always gets a screen.

`answer_callback` is the same for Flask's routes here and for the door of hops (hop_door), by which
nearly all of them come.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from time import monotonic
from typing import NamedTuple
from urllib.parse import unquote

import structlog
from flask import Blueprint, Response, abort, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.base.database import name_cause, reading
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
from app.ussd.turn import TurnResult, Turns
from app.web.access import Audience, open_to
from app.web.callbacks import is_admitted
from app.web.slots import Kind

FORM = "application/x-www-form-urlencoded"
# So long after it came a hop that found Redis away is still asked about in PostgreSQL.
_OUTAGE_SECONDS = 1.7
_Parse = Callable[[Mapping[str, object]], Hop | SessionEnd]
_log = structlog.get_logger("ussd")
# Few of each are there, and finding one costs as much as counting by it.
_timer = cache(metrics.hop_seconds.labels)
_counter, _screens = cache(metrics.hops.labels), cache(metrics.screens.labels)


class Answer(NamedTuple):
    """The answer to a gateway: a screen, nothing, or one line that says what was wrong."""

    text: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """An address at which a gateway calls, without the token that ends it in production."""

    path: str
    dialect: Dialect
    parse: _Parse

    @property
    def name(self) -> str:
        """The name of its route without a token."""
        return self.path.removeprefix("/ussd/").replace("/", "_")


def list_addresses() -> list[CallbackAddress]:
    """Returns every address of every gateway."""
    hops = [CallbackAddress(f"/ussd/{each.name}", each, each.parse) for each in GATEWAYS]
    ends = [
        CallbackAddress(f"/ussd/{each.name}/events", each, each.parse_end)
        for each in GATEWAYS
        if each.parse_end
    ]
    return hops + ends


def blueprint(settings: Settings) -> Blueprint:
    """Returns the callback addresses; in production each ends with the token, else it is 404."""
    pages = Blueprint("ussd", __name__)
    for address in list_addresses():
        _add_routes(pages, settings, address)
    return pages


def _add_routes(pages: Blueprint, settings: Settings, address: CallbackAddress) -> None:
    dialect, name = address.dialect, address.name

    @open_to(Audience.DEVELOPMENT)
    def without_token() -> Response:
        return _respond(address)

    @open_to(Audience.GATEWAY)
    def with_token(given: str) -> Response:
        if not is_admitted(settings, dialect.name, given, request.remote_addr):
            abort(404)
        return _respond(address)

    if not settings.production:
        pages.add_url_rule(address.path, name, without_token, methods=["POST"])
    pages.add_url_rule(f"{address.path}/<given>", f"{name}_token", with_token, methods=["POST"])


def _respond(address: CallbackAddress) -> Response:
    as_form = request.mimetype == FORM or address.dialect.speaks_json
    try:
        sent = request.get_data() if as_form else request.form
        answer = answer_callback(runtime(), address, sent, g.request_id, g.came_at)
    except RequestEntityTooLarge:
        answer = _refuse(address.dialect, "body: over 8 KiB")
    return write_response(address.dialect, answer)


def write_response(dialect: Dialect, answer: Answer) -> Response:
    return Response(answer.text, answer.status, content_type=dialect.content_type)


def answer_callback(
    maalem: Runtime,
    address: CallbackAddress,
    sent: bytes | Mapping[str, object],
    request_id: str,
    came_at: float,
) -> Answer:
    """Answers a hop with a screen, a session's end with nothing, a wrong request with one line.

    `sent` is the body, or the fields of one that is no plain form. `came_at` is when it had come
    whole, in seconds of the monotonic clock.
    """
    dialect = address.dialect
    try:
        parsed = address.parse(_read_fields(dialect, sent) if isinstance(sent, bytes) else sent)
    except InvalidInput as error:
        return _refuse(dialect, f"{error.params['what']}: {error.params['why']}")
    if isinstance(parsed, SessionEnd):
        return _answer_end(maalem, dialect, parsed, request_id, came_at)
    return Answer(dialect.render(_answer_measured(maalem, parsed, request_id, came_at).reply))


def _read_fields(dialect: Dialect, data: bytes) -> Mapping[str, object]:
    """Raises: InvalidInput for a body that is no JSON object, where the dialect speaks JSON."""
    if not dialect.speaks_json:
        return _read_form(data)
    try:
        fields = read_json(data)
    except ValueError as error:
        raise InvalidInput(what="body", why=str(error)) from None
    if not isinstance(fields, dict):
        raise InvalidInput(what="body", why="not a JSON object")
    return fields


def _read_form(data: bytes) -> Mapping[str, str]:
    """Returns the first value of each field, as `request.form` has it, but for less."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {}
    # What a code and a number are quoted by; a field with more goes the longer way.
    text = text.replace("+", " ").replace("%2B", "+").replace("%2A", "*").replace("%23", "#")
    # The last first, so that the first stays.
    pairs = reversed(text.split("&"))
    halves = [pair.partition("=") for pair in pairs if pair]
    return {_read_quoted(name): _read_quoted(value) for name, _, value in halves}


def _read_quoted(text: str) -> str:
    return unquote(text, errors="werkzeug.url_quote") if "%" in text else text


def _answer_measured(maalem: Runtime, hop: Hop, request_id: str, came_at: float) -> TurnResult:
    """Answers a hop, and records its time for the metrics and the log, its wait for a slot too."""
    with span("hop", gateway=hop.gateway, operator=hop.operator) as part:
        result = answer_hop(maalem, hop, request_id, came_at)
        part.note(screen=result.screen, outcome=result.outcome, language=result.language)
    seconds = monotonic() - came_at
    _timer(hop.gateway, hop.operator).observe(seconds)
    _counter(hop.gateway, hop.operator, result.outcome).inc()
    _screens(result.screen).inc()
    note(session=result.talk)
    _log.info(
        "hop",
        request_id=request_id,
        session=result.talk,
        gateway=hop.gateway,
        operator=hop.operator,
        phone=hop.phone,
        screen=result.screen,
        outcome=result.outcome,
        language=result.language,
        ms=round(seconds * 1000, 2),
    )
    return result


def _answer_end(
    maalem: Runtime, dialect: Dialect, end: SessionEnd, request_id: str, came_at: float
) -> Answer:
    """Counts a session's end by its status, and logs where the dialogue stood."""
    metrics.sessions_ended.labels(end.status).inc()
    _log.info("session_ended", request_id=request_id, gateway=end.gateway, status=end.status)
    if end.phone and end.session_id:
        hop = Hop(end.gateway, end.session_id, end.phone, "")
        with suppress(Unavailable):
            maalem.turns.log_end(hop, end.status, _make_caller(maalem, hop, came_at))
    return Answer(dialect.render(Reply("", False)) if dialect.speaks_json else "")


def _make_caller(maalem: Runtime, hop: Hop, came_at: float) -> Caller[Services]:
    limits = maalem.limits[hop.gateway]
    return Caller(hop.session_id, hop.phone, maalem.clock(), maalem.services, limits, came_at)


def answer_hop(maalem: Runtime, hop: Hop, request_id: str, came_at: float) -> TurnResult:
    """Returns the screen for a hop; if the service is away or fails, a screen that says so."""
    away = "unknown"
    try:
        return maalem.turns.answer(hop, _make_caller(maalem, hop, came_at), DEFAULT)
    except Unavailable as error:
        away = error.params["what"]
        call = _name_call(maalem, hop, request_id)
        _log.error("away", **call, what=away, cause=name_cause(error))
    except Exception:
        call = _name_call(maalem, hop, request_id)
        _log.exception("failed", **call)
    note_failure()
    language, since = _ask_other_engine(maalem, hop, away, came_at)
    words = _away_words(maalem, request_id, language, since)
    return TurnResult(Reply(words, False), "away", "away", language or "", call["session"])


def _name_call(maalem: Runtime, hop: Hop, request_id: str) -> dict[str, str]:
    """Returns what leads from a line of the log to the screen, the answer and the talk."""
    return {
        "request_id": request_id,
        "reference": find_reference(request_id),
        "session": _name_talk(maalem, hop),
    }


def _name_talk(maalem: Runtime, hop: Hop) -> str:
    """Returns the talk's name; none in a process that has not yet reached a node of its Cluster.

    It was asked for a moment ago, and is not waited for again.
    """
    turns: Turns[Services] | None = vars(maalem).get("turns")
    return turns.sessions.name_talk(hop) if turns else ""


def find_dialect(path: str) -> Dialect:
    """Returns the dialect of an address; the first one where nobody's is named."""
    named = path.split("/")[2]
    return next((each for each in GATEWAYS if each.name == named), GATEWAYS[0])


def answer_busy(maalem: Runtime, dialect: Dialect, request_id: str) -> Answer:
    """Answers a hop for which there was no slot in time, as one while the service is away."""
    metrics.busy.labels(Kind.PHONES).inc()
    metrics.hops.labels(dialect.name, UNKNOWN, "busy").inc()
    note_failure()
    _log.warning("busy", request_id=request_id, reference=find_reference(request_id))
    words = _away_words(maalem, request_id, None, None)
    return Answer(dialect.render(Reply(words, False)))


def _ask_other_engine(
    maalem: Runtime, hop: Hop, away: str, came_at: float
) -> tuple[str | None, datetime | None]:
    """Returns the caller's language and since when the engine is away, as far as they are known.

    The engine that is away is not asked; the other one, if it is silent too, is asked once.
    """
    language = None
    with suppress(Exception):
        if away == "redis":
            return maalem.deadline.run_until(came_at + _OUTAGE_SECONDS, _ask_database, maalem, hop)
        loaded = maalem.turns.sessions.load(hop, maalem.clock())
        if record := loaded.record or loaded.broken_off:
            language = record.position.language
        return language, find_database_away(maalem.redis_calls)
    return language, None


def _ask_database(maalem: Runtime, hop: Hop) -> tuple[str | None, datetime | None]:
    with reading(maalem.database) as connection:
        return find_language(connection, hop.phone), find_redis_away(connection)


def _away_words(
    maalem: Runtime, request_id: str, language: str | None, since: datetime | None
) -> str:
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
    reference = words.say(spoken, "away.reference", {"reference": find_reference(request_id)})
    return "\n".join([*lines, reference])


def _refuse(dialect: Dialect, why: str) -> Answer:
    return Answer(json.dumps({"error": why}) if dialect.speaks_json else why, 400)
