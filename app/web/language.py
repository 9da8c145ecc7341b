"""Finds the language of a page's reader, and gives templates its words and formats."""

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, redirect, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as AnyResponse

from app.base.clock import local
from app.base.money import Money
from app.base.months import Month
from app.runtime import runtime
from app.text.formats import code as grouped
from app.text.formats import day, write_value
from app.text.languages import DEFAULT, LANGUAGES
from app.text.words import Say, Words
from app.web.cookies import keep_cookie, read_cookie

_COOKIE = "language"
_A_YEAR = 365 * 24 * 3600

# Unicode's isolates (first strong, left-to-right, end) stand for <bdi> until the text is escaped.
_AUTO, _LEFT_TO_RIGHT, _END = "\u2068", "\u2066", "\u2069"
_TAGS = {_AUTO: "<bdi>", _LEFT_TO_RIGHT: '<bdi dir="ltr">', _END: "</bdi>"}


def register(app: Flask) -> None:
    """Gives every template its words, formats and direction."""
    app.context_processor(_template_values)


def reading_language() -> str:
    """Returns the reader's choice, now or earlier; else the browser's best; else French."""
    if "language" not in g:
        remembered = read_cookie(request, _COOKIE)
        guess = request.accept_languages.best_match(list(LANGUAGES), DEFAULT)
        g.language = remembered if remembered in LANGUAGES else guess
    return str(g.language)


def follow_language_switch() -> AnyResponse | None:
    """Remembers `?language=` and redirects to the same place, with all else that was asked."""
    chosen = request.args.get("language", "")
    if request.method != "GET" or chosen not in LANGUAGES:
        return None
    asked = urlencode([(k, v) for k, v in request.args.items(multi=True) if k != "language"])
    answer = redirect(f"{request.path}?{asked}" if asked else request.path, 303)
    keep_cookie(answer, _COOKIE, chosen, _A_YEAR)
    return answer


def vary(response: Response) -> Response:
    """Tells caches that another reader's language is another page."""
    response.vary.update(("Cookie", "Accept-Language"))
    return response


def template_words(language: str, words: Words | None = None) -> dict[str, Any]:
    """Returns what a template needs to speak a language: its words, formats and direction.

    `words` are those of phones and the till, unless others are given.
    """

    def say(key: str, **values: Any) -> Markup:
        """Returns a sentence, its values in order in either direction."""
        filled = {name: _isolate(value, language) for name, value in values.items()}
        return _mark_up((words or runtime().words).say(language, key, filled))

    def show_value(value: object) -> Markup:
        """Returns a value as the language writes it."""
        return _mark_up(str(_isolate(value, language)))

    return {
        "t": say,
        "show": show_value,
        "grouped": lambda code: grouped(code, language),
        "language": language,
        "direction": LANGUAGES[language].direction,
    }


def _isolate(value: Any, language: str) -> Any:
    if isinstance(value, int):  # a count: the sentence asks for its plural
        return value
    if isinstance(value, Say):
        parts = {name: _isolate(part, language) for name, part in value.values.items()}
        return Say(value.key, parts)
    start = _AUTO if isinstance(value, Money) else _LEFT_TO_RIGHT
    return f"{start}{_write_in_full(value, language)}{_END}"


def _write_in_full(value: Money | Month | date | str, language: str) -> str:
    """Writes a value with its year, for which a page has room."""
    if isinstance(value, datetime):
        moment = local(value)
        return f"{day(moment.date(), language)} {moment:%H:%M}"
    if isinstance(value, Money) and value.centimes < 0:
        # In a line from right to left the sign would stand behind the number.
        number, _, unit = write_value(value, language).partition(" ")
        return f"{_LEFT_TO_RIGHT}{number}{_END} {unit}"
    return write_value(value, language)


def _mark_up(text: str) -> Markup:
    safe = str(escape(text))
    for sign, tag in _TAGS.items():
        safe = safe.replace(sign, tag)
    return Markup(safe)  # noqa: S704 - escaped above; only our own tags come after


def _template_values() -> dict[str, Any]:
    # Each language is named in itself, so that a person who reads no other finds it.
    names = {code: entry.name for code, entry in LANGUAGES.items()}
    return template_words(reading_language()) | {"languages": names}
