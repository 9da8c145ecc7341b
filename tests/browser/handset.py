"""The simulator's phone in a browser, by its keys."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


class Handset:
    """Presses keys as a person does, and waits for the screen that follows."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        page.goto(f"{base}/simulator")

    def take(self, who: str) -> None:
        self.page.get_by_role("radio", name=who).check()

    def press(self, keys: str) -> None:
        """Digits, `*` and `#`, by the finger."""
        for key in keys:
            self.page.click(f'[data-key="{key}"]')

    def key(self, name: str) -> None:
        """`green`, `red`, `clear`, `left`, `right`, `up` or `down`."""
        self.page.click(f'[data-key="{name}"]')

    def type(self, keys: str) -> None:
        """The same keys on the computer's keyboard; then Enter, which is green."""
        self.page.keyboard.type(keys)
        self.page.keyboard.press("Enter")

    def dial(self, code: str) -> str:
        self.press(code)
        self.key("green")
        return self.answered(1)

    def answer(self, typed: str) -> str:
        hops = int(self.page.inner_text("#hops"))
        self.type(typed)
        return self.answered(hops + 1)

    def answered(self, hops: int) -> str:
        """What stands on the screen once this many hops are answered."""
        expect(self.page.locator("#hops")).to_have_text(str(hops))
        expect(self.page.locator("#took")).to_have_text(re.compile(r"^\d+ ms$"))
        return self.screen

    def read_on(self, sought: str) -> str:
        """The first screen that holds `sought`, turning pages with 9."""
        for _ in range(4):
            if sought in self.screen:
                return self.screen
            self.answer("9")
        raise AssertionError(f"{sought} is on no page")

    @property
    def screen(self) -> str:
        return "\n".join(self.page.locator("#view p").all_inner_texts())

    @property
    def state(self) -> str | None:
        return self.page.get_attribute("#lcd", "data-state")

    def network(self) -> None:
        """Opens what makes the network rude."""
        self.page.click(".network summary")

    def open_newest_message(self) -> str:
        self.key("red")
        self.key("left")
        expect(self.page.locator("#view .row").first).to_be_visible()
        self.key("green")
        return self.screen
