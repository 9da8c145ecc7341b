"""Digits do not jump about in right-to-left lines: Arabic screens and SMS, drawn by a browser."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from app.runtime import Runtime
from app.ussd.checker.worst_case import WorstCase
from tests.browser.handset import Handset

pytestmark = pytest.mark.browser
# A code in its groups, an amount, a date or a month, a clock: each is read from left to right.
FIGURES = re.compile(
    r"\d{4} \d{4} \d{4}|\d{2}/\d{2}/\d{4}|\d+\.\d{2}|\d{2}:\d{2}"
    r"|\d{2}/\d{2}|\d+"
)
# Where each letter of a line stands: its line on the screen and its left edge.
PLACES = """(view) => [...view.querySelectorAll("p")].map((line) => {
    const text = line.firstChild;
    if (!text) return [];
    return [...text.data].map((_, index) => {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + 1);
        const box = range.getBoundingClientRect();
        return [Math.round(box.top), box.left];
    });
})"""


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


def pages_in_arabic(runtime: Runtime) -> list[str]:
    """Every screen and every message, with the longest values."""
    limits = runtime.limits["africastalking"]
    screens = [s for s in runtime.ussd.menu.screens.values() if s.kind != "do"]
    worst = WorstCase(runtime.ussd, runtime.samples)
    pages = [page for screen in screens for page in worst.pages(screen, "ar", limits)]
    return sorted({*pages, *_messages_in_arabic(runtime)})


def _messages_in_arabic(runtime: Runtime) -> list[str]:
    words, samples = runtime.words, runtime.samples
    keys = [key for key in words.keys("ar") if key.startswith("sms.")]
    return [words.say("ar", key, samples.worst(words, "ar", key)) for key in keys]


def drawn(handset: Handset, pages: list[str]) -> list[tuple[str, list[str]]]:
    """Every page put on the simulator's screen as a hop's answer is, and what jumps on it."""
    wrong = []
    for page in pages:
        lines: list[Any] = handset.page.evaluate(
            """async ([text, places]) => {
                const { Screen } = await import("/static/simulator/screen.js");
                const facts = JSON.parse(document.querySelector(".bench").dataset.facts);
                const words = { send: "", cancel: "" };
                new Screen(facts).draw({ name: "talk", text, typed: "" }, words, null, "ar");
                return eval(places)(document.getElementById("view"));
            }""".replace("eval(places)", f"({PLACES})"),
            [page, ""],
        )
        for line, places in zip(page.split("\n"), lines, strict=True):
            if found := jumping(line, places):
                wrong.append((line, found))
    return wrong


def test_figures_keep_their_order_on_every_arabic_screen(
    window: BrowserContext, live_server: str, runtime: Runtime
) -> None:
    pages = pages_in_arabic(runtime)
    assert len(pages) > 100 and sum("8888 8888 8888" in page for page in pages) > 3
    handset = Handset(window.new_page(), live_server)
    assert drawn(handset, pages) == []


def test_a_code_behind_arabic_letters_would_jump(window: BrowserContext, live_server: str) -> None:
    """What the Latin word before a code is for (docs/menus.md): without it the groups turn."""
    handset = Handset(window.new_page(), live_server)
    assert drawn(handset, ["Code 1234 5678 9012"]) == []
    ((_, figures),) = drawn(handset, ["رمز 1234 5678 9012"])
    assert figures == ["1234 5678 9012"]
