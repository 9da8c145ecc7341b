"""The language a page is read in: chosen, remembered or guessed; and its words for templates."""

from datetime import date, datetime
from typing import Any

from flask import Flask, Response, g, redirect, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as AnyResponse

from app.base.clock import local
from app.base.money import Money
from app.base.months import Month
from app.runtime import runtime
from app.text.formats import code as grouped
from app.text.formats import day, written
from app.text.languages import DEFAULT, LANGUAGES
from app.text.words import Say

_COOKIE = "language"
_A_YEAR = 365 * 24 * 3600

# Unicode's isolates (first strong, left-to-right, end) stand for <bdi> until the text is escaped.
_AUTO, _LEFT_TO_RIGHT, _END = "\u2068", "\u2066", "\u2069"
_TAGS = {_AUTO: "<bdi>", _LEFT_TO_RIGHT: '<bdi dir="ltr">', _END: "</bdi>"}


def register(app: Flask) -> None:
    """What every template may use."""
    app.context_processor(_for_templates)


def reading_language() -> str:
    """The reader's choice on this page or an earlier one, else the browser's best, else French."""
    if "language" not in g:
        kept = request.cookies.get(_COOKIE)
        guess = request.accept_languages.best_match(list(LANGUAGES), DEFAULT)
        g.language = kept if kept in LANGUAGES else guess
    return str(g.language)


def follow_language_switch() -> AnyResponse | None:
    """Before a page: `?language=` is remembered and goes from the address, the place stays."""
    chosen = request.args.get("language", "")
    if request.method != "GET" or chosen not in LANGUAGES:
        return None
    answer = redirect(request.path, 303)
    answer.set_cookie(
        _COOKIE,
        chosen,
        max_age=_A_YEAR,
        secure=runtime().settings.production,
        httponly=True,
        samesite="Lax",
    )
    return answer


def vary(response: Response) -> Response:
    """After a page: another reader's language is another page."""
    response.vary.update(("Cookie", "Accept-Language"))
    return response


def say(key: str, **values: Any) -> Markup:
    """The sentence in the reader's language; its values keep their order in either direction."""
    language = reading_language()
    filled = {name: _isolated(value, language) for name, value in values.items()}
    return _marked_up(runtime().words.say(language, key, filled))


def shown(value: object) -> Markup:
    """A value alone, as the reader's language writes it."""
    return _marked_up(str(_isolated(value, reading_language())))


def _isolated(value: Any, language: str) -> Any:
    if isinstance(value, int):  # a count: the sentence asks for its plural
        return value
    if isinstance(value, Say):
        parts = {name: _isolated(part, language) for name, part in value.values.items()}
        return Say(value.key, parts)
    start = _AUTO if isinstance(value, Money) else _LEFT_TO_RIGHT
    return f"{start}{_in_full(value, language)}{_END}"


def _in_full(value: Money | Month | date | str, language: str) -> str:
    """A page has room that a phone has not: a moment with its year."""
    if isinstance(value, datetime):
        moment = local(value)
        return f"{day(moment.date(), language)} {moment:%H:%M}"
    return written(value, language)


def _marked_up(text: str) -> Markup:
    safe = str(escape(text))
    for sign, tag in _TAGS.items():
        safe = safe.replace(sign, tag)
    return Markup(safe)  # noqa: S704 - escaped above; only our own tags come after


def _for_templates() -> dict[str, Any]:
    language = reading_language()
    return {
        "t": say,
        "show": shown,
        "grouped": lambda code: grouped(code, language),
        "language": language,
        "direction": LANGUAGES[language].direction,
        # Each is named in itself, so that a person who reads only that one finds it.
        "languages": {code: entry.name for code, entry in LANGUAGES.items()},
    }
