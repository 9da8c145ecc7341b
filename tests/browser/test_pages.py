"""Error pages and the API's page in a real browser: right to left, narrow, by keyboard."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext, expect

_NO_SCROLL_SIDEWAYS = "document.documentElement.scrollWidth <= innerWidth"


def test_an_error_page_reads_right_to_left_and_enter_leads_back(
    browser: Browser, live_server: str
) -> None:
    page = browser.new_page(locale="ar", viewport={"width": 360, "height": 640})
    assert page.goto(f"{live_server}/agent/nothing").status == 404  # type: ignore[union-attr]
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("alert")).to_have_text("هذه الصفحة غير موجودة.")
    assert page.evaluate(_NO_SCROLL_SIDEWAYS)
    page.keyboard.press("Enter")
    expect(page.get_by_label("رقم الوكيل")).to_be_visible()
    page.close()


def test_a_bill_is_looked_up_from_the_apis_page_by_keyboard(
    window: BrowserContext, live_server: str
) -> None:
    page = window.new_page()
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(f"{live_server}/docs")
    assert page.evaluate(_NO_SCROLL_SIDEWAYS)
    page.locator("#listBills a.try").press("Enter")
    path = page.locator("[name=path]")
    expect(path).to_be_focused()
    expect(path).to_have_value("/accounts/msisdn/+212600000001/bills")
    path.press("Enter")
    answer = page.locator("#answer")
    expect(answer).to_contain_text('"amountDue": "163.52"')
    expect(answer).to_contain_text("200")
    page.locator("[name=days]").fill("60")
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("x-sandbox-days: 60")
    assert page.evaluate(_NO_SCROLL_SIDEWAYS)
