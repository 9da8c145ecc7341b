"""Kinds of messages: declared once, with their values and their segments."""

from __future__ import annotations

import pytest

from app.base.operation import operation
from app.base.phone import Phone
from app.messaging.kinds import KINDS, PREFIX
from app.messaging.service import OutboundMessage, queue_message
from app.runtime import Runtime
from app.text.languages import LANGUAGES
from app.text.words import SHARED_VALUES

FATIMA = Phone("+212600000001")


@pytest.mark.parametrize("language", LANGUAGES)
def test_kinds_are_those_with_words_and_name_their_values(runtime: Runtime, language: str) -> None:
    words = runtime.words
    keys = {key for key in words.keys(language) if key.startswith(PREFIX)}
    assert keys == {kind.key for kind in KINDS.values()}
    for kind in KINDS.values():
        assert words.value_names(language, kind.key) - SHARED_VALUES == kind.values, kind.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_kinds_take_no_more_segments_than_their_language(language: str) -> None:
    entry = LANGUAGES[language]
    for kind in KINDS.values():
        assert kind.most_segments[entry.encoding] <= entry.most_segments, kind.name


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("receit", {}, "no kind of message is called receit"),
        ("code_cancelled", {}, "a message code_cancelled lacks code"),
        ("reversal", {"receipt": "10000017"}, "a message reversal lacks total"),
    ],
)
def test_queue_message_refuses_an_undeclared_kind_or_a_missing_value(
    runtime: Runtime, kind: str, values: dict[str, object], reason: str
) -> None:
    message = OutboundMessage(kind, "1", FATIMA, "fr", values)
    with (
        operation(runtime.database, runtime.clock(), "artisan") as change,
        pytest.raises(ValueError, match=reason),
    ):
        queue_message(change, runtime.services, message)
