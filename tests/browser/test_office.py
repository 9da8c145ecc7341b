"""The office's pages in a real browser: WCAG 2.2 AA, right to left, narrow, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.office_hands import sign_in

_NO_SCROLL_SIDEWAYS = "document.documentElement.scrollWidth <= innerWidth"
_RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
# Files, not pages.
_FILES = (".csv", ".xlsx", ".svg")


def walk(page: Page, base: str) -> Iterator[str]:
    """Opens every page of the office that links lead to, once each; yields its address."""
    waiting, known = [f"{base}/office"], {f"{base}/office"}
    shapes: dict[str, int] = {}
    while waiting:
        address = waiting.pop(0)
        answer = page.goto(address)
        assert answer and answer.status < 400, address
        yield address
        for link in page.locator("a[href]").evaluate_all("all => all.map(a => a.href)"):
            place = urlsplit(link)
            plain = f"{place.scheme}://{place.netloc}{place.path}"
            shape = "/".join(
                "N" if any(map(str.isdigit, part)) else part for part in place.path.split("/")
            )
            if (
                plain.startswith(f"{base}/office")
                and plain not in known
                and not place.path.endswith(_FILES)
                and "language=" not in place.query
                and shapes.get(shape, 0) < 2
            ):
                shapes[shape] = shapes.get(shape, 0) + 1
                known.add(plain)
                waiting.append(link)


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_every_page_keeps_to_wcag_and_fits_a_narrow_screen(
    browser: Browser, live_server: str, language: str
) -> None:
    window = browser.new_context(viewport={"width": 1280, "height": 800}, locale=language)
    page = window.new_page()
    sign_in(page, live_server, "office")
    sections = page.locator("nav.sections a").count()
    wrong, walked = [], 0
    for address in walk(page, live_server):
        walked += 1
        found = Axe().run(page, options=_RULES)
        wrong += [
            f"{address}: {one['id']} {one['nodes'][0]['html'][:160]}"
            for one in found.response["violations"]
        ]
        page.set_viewport_size({"width": 360, "height": 640})
        if not page.evaluate(_NO_SCROLL_SIDEWAYS):
            wrong.append(f"{address}: wider than 360 px")
        if page.locator("html").get_attribute("dir") != ("rtl" if language == "ar" else "ltr"):
            wrong.append(f"{address}: not in its direction")
        page.set_viewport_size({"width": 1280, "height": 800})
    window.close()
    assert wrong == []
    assert walked >= sections > 0


def test_the_entrance_is_used_by_keyboard_alone(window: BrowserContext, live_server: str) -> None:
    page = window.new_page()
    page.goto(f"{live_server}/office")
    expect(page.locator("[name=name]")).to_be_focused()
    page.keyboard.type("auditor")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("faux")
    page.locator("[name=password]").fill("auditor")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ma première page")
