"""The table of inputs in docs/menus.md, compared with the command and with real talks."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.base.operation import operation
from app.base.phone import Phone
from app.enrolment.service import choose_language
from app.runtime import MENUS, Runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from app.ussd.checker.filled_menu import FilledMenu
from app.ussd.tools.inputs import count_inputs, load_errands
from tests.journeys.other_parties import OtherParties
from tests.phone import LIMITS, TestPhone

FATIMA, HASSAN = "+212600000001", "+212600000002"
CODE = r"\d{4} \d{4} \d{4}"
# Who has each errand, and what is on the last screen, in any language.
PLAYED = {
    "my rights and what I owe": (FATIMA, r"31/01/2027\D"),
    "a code for all I owe": (FATIMA, CODE),
    "the code again, within ten minutes": (FATIMA, CODE),
    "the code again, later": (FATIMA, CODE),
    "a code for somebody else": (FATIMA, CODE),
    "a code for some months, here the fourth line": (HASSAN, CODE),
    "agencies of my town": (FATIMA, "Tabriquet"),
}


def test_menus_inputs_prints_the_table_of_the_document(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["menus", "inputs"])
    assert printed.exit_code == 0, printed.output
    document = (ROOT / "docs/menus.md").read_text("utf-8")
    assert printed.stdout in document, "paste `flask menus inputs` into docs/menus.md"


@pytest.mark.usefixtures("sample_people")
@pytest.mark.parametrize("language", LANGUAGES)
def test_errands_take_as_many_inputs_as_the_table_says(
    phone: TestPhone, runtime: Runtime, language: str
) -> None:
    filled = FilledMenu(runtime.ussd, runtime.samples.everyday)
    errands = load_errands(MENUS / "errands.yaml", runtime.ussd.menu)
    assert {errand.errand for errand in errands} == set(PLAYED)
    for number in (FATIMA, HASSAN):
        with operation(runtime.database, runtime.clock(), "artisan") as change:
            choose_language(change, Phone(number), language)
    for errand in errands:
        number, goal = PLAYED[errand.errand]
        if "later" in errand.errand:
            runtime.redis.flushdb()
        typed = play(phone, number, errand.way)
        assert re.search(goal, phone.screen), (errand.errand, phone.screen)
        assert typed == count_inputs(filled, errand, language, LIMITS), errand.errand
        if "somebody" in errand.errand:
            OtherParties(runtime).cancel_codes()


def play(phone: TestPhone, number: str, way: object) -> int:
    """Dials, answers each screen of the way once its choice is seen, and counts."""
    assert isinstance(way, dict)
    phone.dial(number)
    typed = 0
    for screen, choice in way.items():
        seen = 0
        while choice != "typed" and not is_offered(phone.screen, screen, choice, seen):
            seen += count_rows(phone.screen) if screen == "choose_months" else 0
            phone.answer("9")
            typed += 1
        answer = "100002" if choice == "typed" else str(choice - seen)
        phone.answer(answer)
        typed += 1
    return typed


def is_offered(shown: str, screen: str, choice: int, seen: int) -> bool:
    """True if a line of the screen is the choice; of a list, the row on its page."""
    digit = choice - seen if screen == "choose_months" else choice
    return any(line.startswith(f"{digit} ") for line in shown.split("\n"))


def count_rows(shown: str) -> int:
    return sum(re.match(r"[1-5] ", line) is not None for line in shown.split("\n"))
