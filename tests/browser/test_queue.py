"""A queue at the till in a real browser, by keyboard alone, on a desk and in a pocket."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

pytestmark = pytest.mark.browser
DESK: ViewportSize = {"width": 1366, "height": 768}
POCKET: ViewportSize = {"width": 360, "height": 640}
# Each by another number: Fatima's phone, Hassan's RNA number, Driss's CNSS number.
QUEUE = {"0600000001": "FATIMA Z.", "100002": "HASSAN B.", "100000007": "DRISS C."}
COUNT_PRINTS = """
    window.prints = 0;
    window.print = () => { window.prints += 1; window.dispatchEvent(new Event("afterprint")); };
"""
# What a finger is to hit and is lower than 44 pixels; a link within a sentence is text.
SMALL_TARGETS = """() => [...document.querySelectorAll("main a, main button, main input, header a,"
    + "header button, summary")].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.height > 0 && Math.round(box.height) < 44 && one.type !== "radio"
            && !one.closest("p.hint, .refusal");
    }).map((one) => one.outerHTML.slice(0, 80))"""
BROKEN_AMOUNTS = """() => [...document.querySelectorAll("bdi:not([dir])")].filter((one) => {
        const lines = [...one.getClientRects()].map((part) => Math.round(part.top));
        return new Set(lines).size > 1;
    }).map((one) => one.textContent)"""


@pytest.mark.parametrize(
    ("language", "size"), [("fr", DESK), ("ar", POCKET)], ids=["fr-desk", "ar-pocket"]
)
def test_queue_is_served_by_keyboard_alone(
    language: str, size: ViewportSize, live_server: str, window: BrowserContext
) -> None:
    page = window.new_page()
    page.set_viewport_size(size)
    page.add_init_script(COUNT_PRINTS)
    keyboard = page.keyboard
    page.goto(f"{live_server}/agent?language={language}")
    keyboard.type("1001")
    keyboard.press("Tab")
    keyboard.type("246813")
    keyboard.press("Enter")
    for number, name in QUEUE.items():
        expect(page.locator("#code")).to_be_focused()
        keyboard.type(number)
        keyboard.press("Enter")
        expect(page.locator(".person dd")).to_have_text(name)
        expect(page.locator("button.main")).to_be_focused()
        keyboard.press("Enter")
        following = page.locator("[data-next]")
        expect(following).to_be_focused()
        expect(following).to_be_in_viewport(ratio=1)
        assert page.evaluate("scrollY") == 0
        keyboard.press("p")
        assert page.evaluate("prints") == 1
        expect(following).to_be_focused()
        look_well(page, size)
        assert number not in re.split(r"\W", page.url)
        keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    page.goto(f"{live_server}/agent/day")
    expect(page.locator(".deposits li")).to_have_count(len(QUEUE))
    look_well(page, size)
    undo_first(page, size)


def look_well(page: Page, size: ViewportSize) -> None:
    """Nothing is too small for a finger, wider than the screen, or broken over lines."""
    assert page.evaluate(SMALL_TARGETS) == []
    assert page.evaluate(BROKEN_AMOUNTS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def undo_first(page: Page, size: ViewportSize) -> None:
    """Undoes the newest payment; a wrong PIN is told beside the field, which has the focus."""
    keyboard = page.keyboard
    page.locator(".deposits a").first.press("Enter")
    page.locator("summary").press("Enter")
    expect(page.locator(".undo .whom")).to_contain_text("DRISS C.")
    expect(page.locator(".undo .whom .sum")).to_contain_text("163")
    look_well(page, size)
    page.locator("[name=reason]").first.press("Space")
    page.locator("#pin").focus()
    keyboard.type("111111")
    keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#pin")).to_be_focused()
    expect(page.locator("#pin")).to_have_attribute("aria-describedby", "refusal")
    keyboard.type("pp")  # a letter in a field prints nothing
    assert page.evaluate("prints") == 0
    keyboard.press("Control+a")
    keyboard.type("246813")
    keyboard.press("Enter")
    expect(page.locator(".undo")).to_have_count(0)
