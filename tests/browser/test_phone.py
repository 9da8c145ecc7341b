"""The simulator behaves as a phone and as a gateway do."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.text.encoding import GSM7_BASIC, GSM7_EXTENSION, encoding_of, units
from tests.browser.handset import Handset

pytestmark = pytest.mark.browser

TEXTS = [
    "",
    "A payer: 163,52 DH",
    "".join(sorted(GSM7_BASIC)),
    "".join(sorted(GSM7_EXTENSION)),
    "{[~]}\\|^€",
    "ç",
    "Reçu êâîôû « »",
    "حقوقك مغلقة منذ 01/06/2026",
    "ⵜⴰⵎⴰⵣⵉⵖⵜ",
    "😀 ok",
    "a\u00a0b\u202f",
]


@pytest.fixture
def page(window: BrowserContext) -> Page:
    return window.new_page()


@pytest.fixture
def handset(page: Page, live_server: str) -> Handset:
    return Handset(page, live_server)


def test_units_are_counted_as_the_service_counts_them(handset: Handset) -> None:
    counted = handset.page.evaluate(
        """async (texts) => {
            const { measure } = await import("/static/simulator/units.js");
            const facts = JSON.parse(document.querySelector(".bench").dataset.facts);
            return texts.map((text) => [measure(text, facts).encoding, measure(text, facts).units]);
        }""",
        TEXTS,
    )
    assert counted == [[encoding_of(text), units(text)] for text in TEXTS]


def test_each_hop_carries_the_whole_chain(handset: Handset) -> None:
    forms = []
    handset.page.on("request", lambda request: forms.append((request.url, request.post_data)))
    handset.dial("*384*2*1#")
    handset.answer("0")
    handset.key("red")
    expect(handset.page.locator("#session-state")).to_have_text("closed")
    sent = [(url, parse_qs(data, keep_blank_values=True)) for url, data in forms if data]
    hops = [form for url, form in sent if url.endswith("/ussd/africastalking")]
    assert [form["text"] for form in hops] == [["2*1"], ["2*1*0"]]
    assert all(
        set(form) == {"sessionId", "serviceCode", "phoneNumber", "networkCode", "text"}
        for form in hops
    )
    assert hops[0]["sessionId"] == hops[1]["sessionId"]
    assert hops[0]["serviceCode"] == ["*384#"] and hops[0]["phoneNumber"] == ["+212600000001"]
    notices = [form for url, form in sent if url.endswith("/ussd/africastalking/events")]
    assert [form["status"] for form in notices] == [["Incomplete"]]
    assert notices[0]["hopsCount"] == ["2"] and notices[0]["input"] == ["2*1*0"]
    assert notices[0]["sessionId"] == hops[0]["sessionId"]


def test_the_end_of_a_session_is_seen(handset: Handset) -> None:
    handset.take("unknown")
    handset.dial("*384*1*99999*01011990#")
    for _ in range(2):
        if handset.state == "talk":
            handset.answer("1*99999*01011990")
    expect(handset.page.locator("#lcd")).to_have_attribute("data-state", "ended")
    expect(handset.page.locator("#answer")).to_be_hidden()
    expect(handset.page.locator("#session-state")).to_have_text("closed")
    expect(handset.page.locator("#log .end")).to_have_count(1)


def test_a_network_error_is_shown_as_a_phone_shows_it(handset: Handset) -> None:
    handset.page.route("**/ussd/africastalking", lambda route: route.abort())
    handset.press("*384#")
    handset.key("green")
    expect(handset.page.locator("#view")).to_have_text("Erreur de connexion")
    expect(handset.page.locator("#session-state")).to_have_text("closed")
    handset.key("red")
    handset.take("Aicha, ar, A")
    handset.press("*384#")
    handset.key("green")
    expect(handset.page.locator("#view")).to_have_text("خطأ في الاتصال")


def test_keys_type_and_clear(handset: Handset) -> None:
    handset.press("*38")
    handset.page.keyboard.type("45#")
    handset.page.keyboard.press("Backspace")
    handset.key("clear")
    handset.press("#")
    assert handset.screen == "*384#"
    handset.page.keyboard.press("Escape")
    assert handset.state == "idle" and "*384#" in handset.screen
    handset.press("*999#")
    handset.key("green")
    assert handset.screen == "Numéro non attribué"


def test_another_number_can_be_typed(handset: Handset) -> None:
    handset.page.fill("#other", "+212600000002")
    handset.page.press("#other", "Tab")
    screen = handset.dial("*384*1#")
    assert "663,90 DH" in screen or "AMO" in screen
    expect(handset.page.get_by_role("radio", name="Another number")).to_be_checked()


def test_lines_break_and_run_as_on_a_phone(handset: Handset) -> None:
    handset.take("Aicha, ar, A")
    handset.dial("*384*2*1#")
    starts = handset.page.evaluate(
        """() => [...document.querySelectorAll("#view p")].map((line) => {
            const range = document.createRange();
            range.selectNodeContents(line);
            const [box, view] = [range.getBoundingClientRect(), line.getBoundingClientRect()];
            return [line.textContent, box.left - view.left < view.right - box.right];
        })"""
    )
    for text, at_the_left in starts:
        arabic_first = next((letter for letter in text if letter.isalpha()), "a") > "\u0600"
        assert at_the_left != arabic_first, text
    assert handset.page.evaluate("document.querySelector('#view').scrollWidth") <= 240


def test_a_narrow_window_needs_no_scrolling_sideways(page: Page, live_server: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/simulator", "/agent", "/agent?language=ar"):
        page.goto(f"{live_server}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
