"""What hands do at the office's pages, shared by the tests that open them in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def sign_in(page: Page, base: str, name: str, password: str | None = None) -> None:
    """Signs a person in by keyboard; one of development's users has the name for a password."""
    page.goto(f"{base}/office")
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(password or name)
    page.keyboard.press("Enter")
    expect(page.locator("nav.sections")).to_be_visible()


def give_file(page: Page, name: str, header: tuple[str, ...], *rows: str) -> None:
    """Gives a file of these lines to the page's only form that takes one."""
    form = page.locator("form", has=page.locator("[type=file]"))
    content = "\n".join((",".join(header), *rows, ""))
    form.locator("[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content.encode()}
    )
    form.locator("button.main").click()
