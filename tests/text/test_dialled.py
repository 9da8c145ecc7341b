"""Numbers to dial: in every message, written in one place, in an order that holds."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.runtime import Runtime
from app.settings import Settings
from app.text.dialled import DIALLED_VALUES, dialled_numbers, number_with
from app.text.languages import LANGUAGES

# Sentences of screens and pages that send a person back to the phone.
DIAL_AGAIN = (
    *("away", "away.short", "identification_paused", "tie_code_enough", "agent_signed_out"),
    *("error.code_expired", "error.code_cancelled", "error.code_reversed", "till.receipt.see"),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_and_every_call_back_names_the_number_to_dial(
    runtime: Runtime, language: str
) -> None:
    words = runtime.words
    messages = {key for key in words.keys(language) if key.startswith("sms.")}
    silent = [
        key
        for key in sorted({*messages, *DIAL_AGAIN})
        if not words.value_names(language, key) & DIALLED_VALUES
    ]
    assert silent == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_writes_the_number_itself(runtime: Runtime, language: str) -> None:
    """It is a setting; a menu told by its keys alone (`menu 5, 2`) is a riddle."""
    words = runtime.words
    for key in words.keys(language):
        sentence = " ".join(words.forms(language, key))
        assert "384" not in sentence, key
        assert "menu 5" not in sentence.casefold(), key


def test_number_with_puts_the_inputs_before_the_hash() -> None:
    assert number_with("*384#", "").number == "*384#"
    assert number_with("*384#", "2*1").number == "*384*2*1#"
    assert number_with("*384*55#", "4").number == "*384*55*4#"


def test_numbers_stand_behind_a_latin_word_where_one_writes_from_the_right() -> None:
    dial = dialled_numbers("*384#", "")["dial_code"]("ar")
    assert dial.write("ar") == "Tel *384*2*1#"
    assert dial.write("fr") == dial.write("zgh") == "*384*2*1#"


def test_complaints_go_to_the_phone_of_the_settings_else_ask_for_a_call() -> None:
    assert dialled_numbers("*384#", "")["complaints"]("fr").number == "*384*5*2*4#"
    assert dialled_numbers("*384#", "0801000000")["complaints"]("fr").number == "0801000000"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ussd_code", "384"),
        ("ussd_code", "*384"),
        ("ussd_code", "*384*1234567#"),
        ("ussd_code", "*3a#"),
        ("complaints_phone", "0801 00 00 00"),
        ("complaints_phone", "le bureau"),
    ],
)
def test_settings_refuse_a_number_that_messages_cannot_hold(setting: str, value: str) -> None:
    with pytest.raises(ValidationError, match=setting):
        Settings(**{setting: value})
