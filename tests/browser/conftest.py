"""A real Chromium, the machine's own or the test tool's; without one these tests are not run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.shared_server import live_server, shared_server

__all__ = ["live_server", "shared_server"]

SCREENSHOTS = Path(__file__).parent / "screenshots"
_NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
_ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_PATIENCE_MS = 15_000  # a busy machine


def find_chromium(playwright: Playwright) -> str:
    """The path of a browser; skips, naming what is missing, where there is none."""
    own = playwright.chromium.executable_path
    found = next(filter(None, map(shutil.which, _NAMES)), own if os.path.exists(own) else "")  # noqa: PTH110
    if not found:
        pytest.skip("no Chromium: install the package chromium, or run `playwright install`")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        expect.set_options(timeout=_PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that knows nothing yet. A script's error or a breach of the policy fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="fr-FR")
    context.set_default_timeout(_PATIENCE_MS)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            errors.append(message.text)

    context.on("console", note)
    yield context
    context.close()
    assert not errors


@pytest.fixture
def keep() -> Callable[[Page, str], None]:
    """Keeps a screenshot under a name of ours."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return lambda page, name: _shoot(page, SCREENSHOTS / f"{name}.png")


def _shoot(page: Page, path: Path) -> None:
    page.screenshot(path=path, animations="disabled", full_page=True)
