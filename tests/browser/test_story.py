"""The whole story in a real browser: dial, get a code, pay at the till, receive the receipt."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FloatRect, Page, expect
from sqlalchemy import select

from app.base.clock import local_date, utc_now
from app.base.money import Money
from app.payments.models import deposit
from app.runtime import Runtime
from app.text.words import Words
from tests.browser.handset import Handset

pytestmark = pytest.mark.browser
Keep = Callable[[Page, str], None]


@dataclass(frozen=True)
class Story:
    """Who calls, in which language, and what must be seen of it."""

    language: str
    who: str
    rights: str
    masked_name: str


# What a picture of the README shows of a page: the phone without the page's head, the till whole.
PHONE: FloatRect = {"x": 0, "y": 54, "width": 1000, "height": 691}
TILL: FloatRect = {"x": 0, "y": 0, "width": 640, "height": 691}

STORIES = [
    Story("fr", "Fatima, fr, A", "rights.open", "FATIMA Z."),
    Story("ar", "Aicha, ar, A", "rights.closed", "AICHA A."),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.language)
def test_the_whole_story(
    story: Story, live_server: str, window: BrowserContext, runtime: Runtime, keep: Keep
) -> None:
    handset = Handset(window.new_page(), live_server)
    code, amount = get_code(handset, story, runtime.words, keep)
    receipt = pay(window.new_page(), live_server, story, code, amount, keep)
    receive(handset, story, receipt, runtime, keep)


def get_code(handset: Handset, story: Story, words: Words, keep: Keep) -> tuple[str, str]:
    """Dials, looks at rights and dues, asks for the code; the code and the amount as shown."""
    handset.page.bring_to_front()
    handset.take(story.who)
    keep(handset.page, f"{story.language}-1-idle")
    assert words.say(story.language, "main.1") in handset.dial("*384#")
    keep(handset.page, f"{story.language}-2-menu")
    assert opening(words, story.language, story.rights) in handset.answer("1")
    keep(handset.page, f"{story.language}-3-rights")
    handset.answer("00")
    dues = handset.answer("2")
    amount = re.search(r"\d+[.,]\d\d (DH|درهم)", dues)
    assert amount
    screen = handset.answer("1")
    code = re.search(r"\d{4} \d{4} \d{4}", screen)
    assert code and amount[0] in screen
    expect(handset.page.locator("#unread")).to_have_text("1")
    keep(handset.page, f"{story.language}-4-code")
    if story.language == "fr":
        keep_for_readme(handset.page, "simulator", PHONE)
    return code[0], amount[0]


def opening(words: Words, language: str, key: str) -> str:
    """A sentence as far as its first value."""
    return words.get_sentence(language, key).split("{")[0].strip()


def keep_for_readme(page: Page, name: str, part: FloatRect) -> None:
    """SCREENSHOT_DIR=docs, as `make pictures` sets it, remakes a picture of the README."""
    if folder := os.environ.get("SCREENSHOT_DIR"):
        size = page.viewport_size
        assert size
        page.set_viewport_size({"width": int(part["width"]), "height": 790})
        path = Path(folder) / f"{name}.png"
        page.screenshot(path=path, animations="disabled", clip=part)
        page.set_viewport_size(size)


def pay(page: Page, base: str, story: Story, code: str, amount: str, keep: Keep) -> str:
    """At the till, by keyboard alone; the receipt's number."""
    language, keyboard = story.language, page.keyboard
    page.goto(f"{base}/agent?language={language}")
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    expect(page.locator("#number")).to_be_focused()
    keep(page, f"{language}-5-sign-in")
    keyboard.type("1001")
    keyboard.press("Tab")
    keyboard.type("246813")
    keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    keyboard.type(code[:-1] + str((int(code[-1]) + 1) % 10))
    keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    keep(page, f"{language}-6-mistyped")
    keyboard.press("End")
    keyboard.press("Backspace")
    keyboard.type(code[-1])
    keyboard.press("Enter")
    expect(page.locator(".amount")).to_have_text(amount)
    expect(page.locator(".person dd")).to_have_text(story.masked_name)
    expect(page.locator("button.main")).to_be_focused()
    keep(page, f"{language}-7-amount")
    check_width(page)
    if language == "fr":
        keep_for_readme(page, "till", TILL)
    keyboard.press("Enter")
    expect(page.locator(".paper .total")).to_contain_text(amount)
    keep(page, f"{language}-8-receipt")
    if language == "fr":
        keep_for_readme(page, "receipt", TILL)
    expect(page.locator("[data-next]")).to_be_focused()
    keep_print(page, f"{language}-9-printed", keep)
    receipt = page.url.rsplit("/", 1)[1]
    page.locator("[data-next]").focus()  # lost while the page was paper
    keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    assert code.replace(" ", "") not in page.url
    return receipt


def check_width(page: Page) -> None:
    """On a tablet nothing stands beside the till's card."""
    size = page.viewport_size
    assert size
    page.set_viewport_size({"width": int(TILL["width"]), "height": int(TILL["height"])})
    box = page.locator(".till").bounding_box()
    assert box and (box["x"], box["width"]) == (0, TILL["width"])
    page.set_viewport_size(size)


def keep_print(page: Page, name: str, keep: Keep) -> None:
    """The receipt on 80 mm, A6 and A4: one page, and nothing but the receipt on it."""
    size = page.viewport_size
    assert size
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 302, "height": 605})
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator("[data-print]")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 302
    keep(page, name)
    page.set_viewport_size(size)
    page.emulate_media(media="null")
    for paper in ({"width": "80mm", "height": "160mm"}, {"format": "A6"}, {"format": "A4"}):
        assert len(re.findall(rb"/Type /Page\b", page.pdf(**paper))) == 1, paper


def receive(handset: Handset, story: Story, receipt: str, runtime: Runtime, keep: Keep) -> None:
    """The SMS arrives with the receipt's number, and entry 1 shows the payment as received."""
    handset.page.bring_to_front()
    expect(handset.page.locator("#unread")).to_have_text("2")
    message = handset.open_newest_message()
    assert receipt in message and "Wafacash Agdal" in message
    keep(handset.page, f"{story.language}-10-message")
    handset.key("red")
    with runtime.database.connect() as connection:
        paid = connection.execute(select(deposit.c.total_centimes)).scalar_one()
    values = {"total": Money(paid), "received_on": local_date(utc_now())}
    handset.dial("*384*1#")
    handset.read_on(runtime.words.say(story.language, "received.unposted", values))
    keep(handset.page, f"{story.language}-11-received")
