"""The office's pages in a real browser: WCAG 2.2 AA, right to left, narrow, by keyboard, on paper.

Every address of the office that answers with a page is opened, in French and in Arabic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, template_rendered
from jinja2 import Template
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from app.runtime import Runtime
from tests.browser.office_world import (
    Values,
    build_everything,
    list_answers,
    list_pages,
    sign_all_in,
)

_SCRIPTS = Path(__file__).parent
_LOOK = (_SCRIPTS / "look.js").read_text("utf-8")
_TEMPLATES = _SCRIPTS.parents[1] / "app" / "web" / "templates" / "office"
_RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
# What three sheets share.
_LAYOUTS = {"sheet.html"}
_WIDTH_OF_PAPER = rb"/MediaBox \[0 0 ([0-9.]+) "
_NARROW, _DESK = 360, 1280


class Paper(NamedTuple):
    """Paper as the style sheets set it, in millimetres."""

    width: int
    margin: int


_A4, _ROLL = Paper(210, 12), Paper(80, 3)


@pytest.fixture
def everything(
    live_server: str, runtime: Runtime, app: Flask, engine: Engine, owner: Engine
) -> Values:
    return build_everything(runtime, app, engine, owner)


class Walker:
    """A browser in one language that shows pages, and collects what is wrong with them."""

    def __init__(self, page: Page, language: str) -> None:
        self._page, self._narrow = page, language == "fr"
        self._width = _NARROW if self._narrow else _DESK
        self._resize(self._width)
        self.wrong: list[str] = []

    def show(self, who: str, answer: TestResponse) -> None:
        """Shows a page without asking for it again: narrow, by keyboard and on paper in French.

        In Arabic on a desk too, and each number is in its order.
        """
        page = self._page
        page.set_content(answer.text)
        found = page.evaluate("rules => look.atPage(rules)", _RULES)
        if self._narrow:
            for _ in range(page.evaluate("look.beginToTab()")):
                page.keyboard.down("Tab")
            found += page.evaluate("look.listMissed()")
            found += self._print(answer.request.full_path)
        else:
            self._resize(_NARROW)
            found += page.evaluate("look.atWidth()")
        self._resize(self._width)
        place = f"{who} {answer.request.method} {answer.request.full_path} {answer.status_code}"
        self.wrong += [f"{place}: {one}" for one in found]

    def _print(self, address: str) -> list[str]:
        """Returns what does not fit its paper: A4, or the roll of a till's printer."""
        paper = _ROLL if "paper=roll" in address else _A4
        self._resize(round((paper.width - 2 * paper.margin) / 25.4 * 96))
        self._page.emulate_media(media="print")
        found: list[str] = self._page.evaluate("look.onPaper()")
        if "/sheets/" in address:
            printed = self._page.pdf(prefer_css_page_size=True)
            widths = {round(float(w) * 25.4 / 72) for w in re.findall(_WIDTH_OF_PAPER, printed)}
            found += [f"{widths} mm"] if widths != {paper.width} else []
        self._page.emulate_media(media="screen")
        return found

    def _resize(self, width: int) -> None:
        self._page.set_viewport_size({"width": width, "height": 800})


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, live_server: str) -> Iterator[Page]:
    """A page of the service in a language, with the tools that look at what is written there."""
    window = browser.new_context(locale=request.getfixturevalue("language"))
    page = window.new_page()
    page.goto(f"{live_server}/office/sign-in")
    page.evaluate(Axe().axe_script)
    page.evaluate(_LOOK)
    yield page
    window.close()


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_every_page_keeps_to_wcag_and_fits_screen_and_paper(
    language: str, everything: Values, page: Page, app: Flask, runtime: Runtime
) -> None:
    rendered: set[str] = set()

    def note(_app: Flask, template: Template, **_more: object) -> None:
        rendered.add((template.name or "").removeprefix("office/"))

    clients, walker = sign_all_in(app, language), Walker(page, language)
    with template_rendered.connected_to(note, app):
        for who, answer in list_pages(app, everything, clients):
            assert answer.status_code == 200, (who, answer.request.path)
            walker.show(who, answer)
        for status, answer in list_answers(app, language, runtime, clients):
            assert answer.status_code == status, (answer.request.path, answer.text)
            walker.show("", answer)
    assert not walker.wrong, "\n".join(walker.wrong)
    assert {path.name for path in _TEMPLATES.iterdir() if _is_page(path)} - rendered == _LAYOUTS


def _is_page(path: Path) -> bool:
    return 'extends "office/frame.html"' in path.read_text("utf-8")


def test_a_caller_is_helped_by_keyboard_alone_with_scripts_off(
    browser: Browser, live_server: str
) -> None:
    window = browser.new_context(java_script_enabled=False, locale="fr-FR")
    page = window.new_page()
    keyboard = page.keyboard
    page.goto(f"{live_server}/office")
    expect(page.locator("[name=name]")).to_be_focused()
    keyboard.type("helpdesk")
    keyboard.press("Tab")
    keyboard.type("wrong")
    keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("faux")
    page.locator("[name=password]").focus()
    keyboard.type("helpdesk")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ma première page")
    # The first Tab leads behind what stands on every page.
    page.get_by_role("link", name="Demandes").press("Enter")
    expect(page.locator("[name=speaks]")).to_be_visible()
    keyboard.press("Tab")
    skip = page.get_by_role("link", name="Aller au contenu")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(page.locator("main :focus")).to_be_visible()
    page.get_by_role("link", name="Artisans").press("Enter")
    expect(page.locator("[name=q]")).to_be_focused()
    keyboard.type("100002")
    keyboard.press("Enter")
    page.get_by_role("link", name="Appel").press("Enter")
    page.locator("[name=note]").focus()
    keyboard.type("Rappelé")
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page.locator("article.note")).to_contain_text("Rappelé")
    window.close()
