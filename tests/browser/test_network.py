"""The simulator's network is as rude as it is asked to be, and the service bears it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.browser.handset import Handset

pytestmark = pytest.mark.browser
CODE = re.compile(r"\d{4} \d{4} \d{4}")


@pytest.fixture
def page(window: BrowserContext) -> Page:
    return window.new_page()


@pytest.fixture
def handset(page: Page, live_server: str) -> Handset:
    handset = Handset(page, live_server)
    handset.network()
    return handset


def hops_of(page: Page) -> list[Request]:
    """What is sent to a gateway's address from now on."""
    sent: list[Request] = []
    page.on("request", lambda one: sent.append(one) if "/ussd/" in one.url else None)
    return sent


def test_a_hop_sent_twice_gets_the_same_answer(handset: Handset, page: Page) -> None:
    page.check("#repeats")
    sent = hops_of(page)
    code = CODE.findall(handset.dial("*384*2*1#"))
    assert len(code) == 1 and len(sent) == 2
    expect(page.locator("#network-says")).to_have_text("The repeated hop got the same answer.")
    assert CODE.findall(handset.answer("0") or "") == []


def test_an_older_hop_that_comes_late_changes_nothing(handset: Handset, page: Page) -> None:
    handset.dial("*384#")
    page.check("#reorders")
    sent = hops_of(page)
    handset.answer("2")
    handset.answer("1")
    assert len(sent) == 4 and CODE.search(handset.screen)
    handset.answer("00")
    assert "Mon AMO" in handset.screen


def test_a_lost_answer_and_a_broken_line_are_taken_up(handset: Handset, page: Page) -> None:
    handset.dial("*384*2#")
    page.check("#loses")
    page.once("console", lambda _: None)
    handset.type("1")
    expect(page.locator("#lcd")).to_have_attribute("data-state", "ended")
    assert "Erreur" in handset.screen
    handset.key("red")
    # The code was made: it is shown first, and nothing is made twice.
    made = CODE.findall(handset.dial("*384#"))
    assert len(made) == 1 and "1 Mon AMO" in handset.screen
    assert CODE.findall(handset.answer("3")) == made
    page.click("#drop")
    expect(page.locator("#lcd")).to_have_attribute("data-state", "ended")
    # The computer's keyboard is the phone's again, with no click before.
    page.keyboard.press("Escape")
    page.keyboard.type("*384#")
    page.keyboard.press("Enter")
    expect(page.locator("#lcd")).to_contain_text(made[0])


def test_a_new_session_id_on_every_hop(handset: Handset, page: Page) -> None:
    page.check("#renews")
    handset.dial("*384#")
    handset.answer("2")
    assert "A payer" in handset.screen
    assert CODE.search(handset.answer("1"))


def test_the_generic_gateway(handset: Handset, page: Page) -> None:
    page.select_option("#gateway", "generic")
    sent = hops_of(page)
    handset.dial("*384*2#")
    assert "A payer" in handset.screen
    assert CODE.search(handset.answer("1"))
    handset.key("red")
    expect(page.locator("#session-state")).to_have_text("closed")
    bodies = [json.loads(one.post_data or "") for one in sent]
    assert [(body["type"], body["input"]) for body in bodies] == [
        ("start", "2"),
        ("input", "1"),
        ("end", ""),
    ]


def test_a_slow_network(handset: Handset, page: Page) -> None:
    page.select_option("#delay", "1")
    handset.dial("*384#")
    assert int(page.inner_text("#took").split()[0]) >= 1000


def test_the_language_by_sms(handset: Handset, page: Page) -> None:
    page.fill("#sms-text", "darija")
    page.click("#sms button")
    expect(page.locator("#sms-says")).to_have_text("Sent.")
    handset.dial("*384#")
    assert "AMO dyali" in handset.screen
    assert "darija" in handset.open_newest_message()


def test_the_panel_is_worked_with_the_keyboard(handset: Handset, page: Page) -> None:
    page.focus("#repeats")
    page.keyboard.press("Space")
    assert page.is_checked("#repeats")
    page.focus("#sms-text")
    page.keyboard.type("12 stop")
    assert page.input_value("#sms-text") == "12 stop" and handset.state == "idle"
