"""Words for what the office's pages read: kinds of messages, screens of a talk, topics."""

from __future__ import annotations

import re
from typing import Protocol

from app.assistance.rules import name_topic
from app.observe.talks import RecordedHop
from app.runtime import runtime
from app.text.languages import LANGUAGES
from app.text.words import Words
from app.web.office.frame import office_language, pages

# What a message is about, by the beginning of its kind; all others are answers.
_GROUPS = (
    ("code", "code"),
    ("receipt", "receipt"),
    ("reversal", "reversal"),
    ("deposit_reversed", "reversal"),
    ("claim", "claim"),
    ("collection", "claim"),
    ("request", "request"),
    ("pin", "pin"),
    ("phone", "phone"),
    ("tie_code", "phone"),
    ("dates_tried", "phone"),
    ("reminder", "reminder"),
    ("notice", "notice"),
    ("presence", "counter"),
    ("counter", "counter"),
)
_PLACE = re.compile(r"\{[^}]*\}")


class _AskedRequest(Protocol):
    kind: str
    topic: str


@pages.app_template_filter()
def message_group(kind: str) -> str:
    """Returns what a kind of message is about."""
    return next((group for start, group in _GROUPS if kind.startswith(start)), "answer")


@pages.app_template_filter()
def language_name(code: str) -> str:
    """Returns a language's own name."""
    return LANGUAGES[code].name if code in LANGUAGES else code


@pages.app_template_filter()
def topic_words(asked: _AskedRequest) -> str:
    """Returns the key of a request's words."""
    key = name_topic(asked.kind, asked.topic)
    known = runtime().office_words.has(office_language(), key)
    return key if known else "office.requests.topic_other"


@pages.app_template_filter()
def digits_alone(inputs: str) -> str:
    """Returns the digits of menus of a hop; anything else that was typed is three dots."""
    parts = inputs.split("*")
    return " ".join(part if len(part) == 1 and part.isdecimal() else "…" for part in parts)


@pages.app_template_filter()
def hop_words(hop: RecordedHop, before: str, language: str) -> str:
    """Returns what a hop did: the choice that was made on the screen before, else the screen."""
    words = runtime().words
    chosen = f"{before}.{hop.inputs}"
    if len(hop.inputs) == 1 and hop.inputs.isdecimal() and words.has(language, chosen):
        return _say_without_values(words, language, chosen)
    if not hop.screen or not words.has(language, hop.screen):
        return hop.screen.replace("_", " ")
    said = _say_without_values(words, language, hop.screen)
    return said if re.search(r"\w", said.replace("…", "")) else hop.screen.replace("_", " ")


def _say_without_values(words: Words, language: str, key: str) -> str:
    """Returns the first words of a sentence; the values that stood in them are three dots."""
    first = words.get_sentence(language, key).partition("\n")[0]
    return " ".join(_PLACE.sub("…", first).split())
