"""The screen with a payment code: where to pay, how much and until when."""

from __future__ import annotations

import pytest

from app.runtime import Runtime
from app.text.languages import LANGUAGES
from app.ussd.checker.filled_menu import FilledMenu
from tests.phone import LIMITS


def pages(runtime: Runtime, screen: str, language: str) -> list[str]:
    found = runtime.ussd.menu.screens[screen]
    return FilledMenu(runtime.ussd, runtime.samples).pages(found, language, LIMITS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_screen_has_all_that_the_counter_needs_on_its_first_page(
    runtime: Runtime, language: str
) -> None:
    first = pages(runtime, "code", language)[0]
    for needed in ("8888 8888 8888", "99999", "Wafacash", "28/12 22:59"):
        assert needed in first


@pytest.mark.parametrize("language", LANGUAGES)
def test_code_for_another_has_the_same_and_announces_a_message(
    runtime: Runtime, language: str
) -> None:
    said = "\n".join(pages(runtime, "code_for_another", language))
    for needed in ("8888 8888 8888", "Wafacash", "28/12 22:59", "SMS"):
        assert needed in said
