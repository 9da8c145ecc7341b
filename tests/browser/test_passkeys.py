"""A passkey in a real browser: made, used to sign in, refused elsewhere; the page works without."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.office_hands import sign_in
from tests.browser.test_office import _RULES

_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def add_device(window: BrowserContext, page: Page) -> None:
    """Puts a device that keeps passkeys into the browser."""
    tools = window.new_cdp_session(page)
    tools.send("WebAuthn.enable", {"enableUI": False})
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})


def check_accessible(page: Page) -> None:
    """The page that is open keeps to WCAG 2.2 AA: only a sign-in leads to it."""
    found = Axe().run(page, options=_RULES).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:160]) for one in found]


def test_a_passkey_is_made_opens_and_is_removed(window: BrowserContext, live_server: str) -> None:
    # Browsers tie passkeys to a name; an address of digits is none.
    base = live_server.replace("127.0.0.1", "localhost")
    page = window.new_page()
    add_device(window, page)
    sign_in(page, base, "cnss")
    page.goto(f"{base}/office/account")
    page.get_by_label("Nom de la nouvelle clé").fill("Ordinateur du bureau")
    page.get_by_role("button", name="Ajouter une clé").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Codes de secours")
    codes = page.locator("ol code").all_text_contents()
    assert len(codes) == 10
    check_accessible(page)
    page.get_by_role("link", name="C'est fait").click()
    expect(page.locator("nav.sections")).to_be_visible()

    def enter_name() -> None:
        page.get_by_role("button", name="Sortir").click()
        page.locator("[name=name]").fill("cnss")
        page.locator("[name=password]").fill("cnss")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Votre code")

    enter_name()
    check_accessible(page)
    page.get_by_role("button", name="Entrer avec ma clé").click()
    expect(page.locator("nav.sections")).to_be_visible()
    # On another machine the paper opens.
    enter_name()
    page.locator("[name=otp]").fill(codes[0])
    page.keyboard.press("Enter")
    expect(page.locator("nav.sections")).to_be_visible()
    page.goto(f"{base}/office/account")
    check_accessible(page)
    page.get_by_text("Enlever", exact=True).first.click()
    page.locator("#remove-1").fill("cnss")
    page.get_by_role("button", name="Enlever la clé").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrer au bureau")
    sign_in(page, base, "cnss")
