"""Digits do not jump about, whatever a line's direction: screens and SMS, drawn by a browser."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import BrowserContext

from app.runtime import Runtime
from app.text.dialled import DIALLED_VALUES, ENTRIES, DialledNumber
from app.text.languages import LANGUAGES
from app.ussd.checker.filled_menu import FilledMenu
from tests.browser.handset import Handset

pytestmark = pytest.mark.browser
# A number to dial or call, a code in its groups, an amount, a date or a month, a clock: each is
# read from left to right.
FIGURES = re.compile(
    r"\*[\d*]+#|\+\d+|\d{4} \d{4} \d{4}|\d{2}/\d{2}/\d{4}|\d+[.,]\d{2}|\d{2}:\d{2}"
    r"|\d{2}/\d{2}|\d+"
)
# A line's direction: by its first letter, as most phones do, or that of the phone's own menus.
DIRECTIONS = ("plaintext", "rtl", "ltr")
# Puts each page on the simulator's screen as a hop's answer is, and tells where each letter of each
# line stands: its line on the screen and its left edge.
DRAW = """async ([pages, direction, language]) => {
    const { Screen } = await import("/static/simulator/screen.js");
    const screen = new Screen(JSON.parse(document.querySelector(".bench").dataset.facts));
    const view = document.getElementById("view");
    const words = { send: "", cancel: "" };
    const place = (range, data) => [...data].map((_, index) => {
        range.setStart(range.startContainer, index);
        range.setEnd(range.startContainer, index + 1);
        const box = range.getBoundingClientRect();
        return [Math.round(box.top), box.left];
    });
    return pages.map((text) => {
        screen.draw({ name: "talk", text, typed: "" }, words, null, language);
        return [...view.querySelectorAll("p")].map((line) => {
            if (direction !== "plaintext") {
                line.dir = direction;
                line.style.unicodeBidi = "isolate";
            }
            const letters = line.firstChild;
            if (!letters) return [];
            const range = document.createRange();
            range.setStart(letters, 0);
            return place(range, letters.data);
        });
    });
}"""


def jumping(line: str, places: list[list[float]]) -> list[str]:
    """The figures of a line whose digits are not drawn in the order in which they are read."""
    found = []
    for figure in FIGURES.finditer(line):
        drawn = [places[index] for index in range(*figure.span()) if line[index] != " "]
        for (top, left), (next_top, next_left) in pairwise(drawn):
            if top == next_top and next_left <= left:
                found.append(figure[0])
                break
    return found


def pages_in(runtime: Runtime, language: str) -> list[str]:
    """Every screen, every message and what pages say of numbers to dial, with long values."""
    limits = runtime.limits["africastalking"]
    screens = [s for s in runtime.ussd.menu.screens.values() if s.kind != "do"]
    worst = FilledMenu(runtime.ussd, runtime.samples)
    pages = [page for screen in screens for page in worst.pages(screen, language, limits)]
    words, samples = runtime.words, runtime.samples
    for key in words.keys(language):
        names = words.value_names(language, key) if key != "months" else set()
        on_page = key.startswith(("till.", "error.")) and names and names <= DIALLED_VALUES
        if key.startswith(("sms.", "away")) or on_page:
            pages.append(words.say(language, key, samples.worst(words, language, key)))
    return sorted(set(pages))


def drawn(
    handset: Handset, pages: list[str], language: str = "ar", direction: str = "plaintext"
) -> list[tuple[str, list[str]]]:
    """What jumps on the pages, with the line it stands in."""
    wrong = []
    places = handset.page.evaluate(DRAW, [pages, direction, language])
    for page, lines in zip(pages, places, strict=True):
        for line, letters in zip(page.split("\n"), lines, strict=True):
            if found := jumping(line, letters):
                wrong.append((line, found))
    return wrong


def test_figures_keep_their_order_on_every_screen_and_message(
    window: BrowserContext, live_server: str, runtime: Runtime
) -> None:
    handset = Handset(window.new_page(), live_server)
    for language in LANGUAGES:
        pages = pages_in(runtime, language)
        assert len(pages) > 100 and sum("8888 8888 8888" in page for page in pages) > 3
        assert sum("*888888*" in page for page in pages) > 20
        # All lines with figures as one long page: it is laid out once.
        lines = sorted({line for page in pages for line in page.split("\n")})
        page = "\n".join(line for line in lines if FIGURES.search(line))
        for direction in DIRECTIONS:
            found = drawn(handset, [page], language, direction)
            assert found == [], f"{language}, lines from {direction}"


def test_a_code_behind_arabic_letters_would_jump(window: BrowserContext, live_server: str) -> None:
    """What the Latin word before a code is for (docs/menus.md): without it the groups turn."""
    handset = Handset(window.new_page(), live_server)
    assert drawn(handset, ["Code 1234 5678 9012"]) == []
    ((_, figures),) = drawn(handset, ["رمز 1234 5678 9012"])
    assert figures == ["1234 5678 9012"]


def test_a_number_to_dial_behind_arabic_letters_would_jump(
    window: BrowserContext, live_server: str, runtime: Runtime
) -> None:
    """It is written behind a Latin word where the script runs from right to left."""
    handset = Handset(window.new_page(), live_server)
    for number in ("*384#", "*384*2*1#", "+212801000000"):
        written = DialledNumber(number).write("ar")
        assert drawn(handset, [f"اتصل: {written}", written], direction="rtl") == []
        ((_, figures),) = drawn(handset, [f"اتصل: {number}"])
        assert figures == [number]
    assert {runtime.words.shared[name]("ar") for name in ENTRIES} >= {DialledNumber("*384*2*1#")}
