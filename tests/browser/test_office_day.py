"""One day through all roles of the office, each in a browser of its own, on the real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, FloatRect, Page, expect

from app.base.clock import local_date, utc_now
from app.base.months import Month
from app.enrolment.registry import import_registry
from app.enrolment.registry_rows import FIELDS
from app.reconciliation.cnss_file import HEADER as CNSS_HEADER
from app.reconciliation.network_file import HEADER as NETWORK_HEADER
from app.runtime import Runtime
from tests.browser.office_hands import give_file, sign_in
from tests.browser.test_story import keep_for_readme
from tests.people_of_office import add_person, run_command, secret_of

pytestmark = pytest.mark.browser
# Registered, insured, of the sample chamber's region, and without a phone.
RNA, BORN, NAME, MASKED = "204417", "14/03/1976", "Zineb Ouazzani", "ZINEB O."
DUE, TOLD, LEFT = "163,52", "160.00", "160,00"
NEIGHBOURS = 60
# What a picture of the README shows of the office.
OFFICE: FloatRect = {"x": 0, "y": 0, "width": 1000, "height": 760}
Desk = Callable[..., Page]


@pytest.fixture
def desk(browser: Browser, live_server: str) -> Iterator[Desk]:
    """Opens a browser of a person's own, signed in at the office; closes them all."""
    windows: list[BrowserContext] = []

    def open_desk(name: str, password: str | None = None) -> Page:
        windows.append(browser.new_context(locale="fr-FR"))
        page = windows[-1].new_page()
        sign_in(page, live_server, name, password)
        return page

    yield open_desk
    for window in windows:
        window.close()


def test_the_day_of_an_artisan_without_a_phone(
    app: Flask, runtime: Runtime, live_server: str, desk: Desk, browser: Browser, tmp_path: Path
) -> None:
    register(runtime, tmp_path)
    for name, role, scope in (
        ("Salma", "wafacash", {"network": "wafacash"}),
        ("Youssef", "cnss", {}),
    ):
        add_person(runtime, name, role, **scope)
    code = come_to_chamber(desk("chamber"), live_server)
    receipt = pay_at_counter(browser, live_server, code)
    clerks = (desk("wafacash"), desk("Salma", secret_of("Salma")))
    settle_difference(clerks, live_server, code, receipt)
    clerks = (desk("cnss"), desk("Youssef", secret_of("Youssef")))
    post_at_second_try(clerks, live_server, receipt)
    help_caller(desk("helpdesk"), live_server)
    see_service(desk("operator"), live_server)
    see_month(desk("analyst"), live_server, app)
    find_all(desk("auditor"), live_server, receipt)


def register(runtime: Runtime, folder: Path) -> None:
    """Puts the artisan and some neighbours on the register; of each the current month is due."""
    today = local_date(runtime.clock())
    month = Month.of(today)
    common = {
        "language": "ar",
        "category": "A",
        "trade": "Zellige",
        "region": "Fès-Meknès",
        "province": "Fès",
        "enrolled_on": (month + -30).first_day.isoformat(),
        "rights_until": (month + 2).last_day.isoformat(),
    }
    own = {"rna_number": RNA, "cnss_number": "100204417", "full_name": NAME}
    own |= {"birth_date": "1976-03-14", "cin": "ZZ204417"}
    rows = [common | own]
    for n in range(NEIGHBOURS):
        other = {"rna_number": f"{300000 + n}", "cnss_number": f"{100300000 + n}"}
        other |= {"full_name": f"Voisin {n}", "birth_date": "1970-05-05", "cin": f"ZZ{300000 + n}"}
        rows.append(common | other)
    path = folder / "register.csv"
    lines = [",".join(FIELDS), *(",".join(row.get(f, "") for f in FIELDS) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = import_registry(runtime.database, path, keys=runtime.keys, today=today, progress=None)
    assert report.rejected == 0


def come_to_chamber(page: Page, base: str) -> str:
    """The officer finds the artisan, sees the card, prints the code; the code on the sheet."""
    page.goto(f"{base}/office/counter")
    page.locator("[name=rna]").fill(RNA)
    page.locator("[name=birth_date]").fill("15/03/1976")
    page.locator("[name=way][value=card]").check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.locator("[name=rna]").fill(RNA)
    page.locator("[name=birth_date]").fill(BORN)
    page.locator("[name=way][value=card]").check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.locator("main")).to_contain_text(DUE)
    page.locator("form[action$='/counter/code'] button").click()
    expect(page.locator(".sheet-sum")).to_contain_text(DUE)
    assert RNA not in page.url
    code = page.locator(".sheet-code").inner_text()
    assert re.fullmatch(r"\d{4} \d{4} \d{4}", code)
    page.emulate_media(media="print")
    expect(page.locator("nav.sections")).to_be_hidden()
    expect(page.locator(".sheet-code")).to_be_visible()
    page.emulate_media(media="null")
    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(".sheet-code bdi[dir=ltr]")).to_have_text(code)
    return code


def pay_at_counter(browser: Browser, base: str, code: str) -> str:
    """An agent takes the cash for the code on the sheet; the receipt's number."""
    page = browser.new_context(locale="fr-FR").new_page()
    page.goto(f"{base}/agent")
    page.keyboard.type("1001")
    page.keyboard.press("Tab")
    page.keyboard.type("246813")
    page.keyboard.press("Enter")
    page.locator("#code").fill(code)
    page.keyboard.press("Enter")
    expect(page.locator(".person dd")).to_have_text(MASKED)
    page.locator("button.main").click()
    # In the artisan's language, and not the agent's.
    expect(page.locator(".paper .total")).to_contain_text(DUE.replace(",", "."))
    receipt = page.url.rsplit("/", 1)[1]
    page.context.close()
    return receipt


def settle_difference(clerks: tuple[Page, Page], base: str, code: str, receipt: str) -> None:
    """The network's file tells of less than was paid: one clerk proposes, another approves."""
    first, second = clerks
    now = utc_now().isoformat(timespec="seconds")
    first.goto(f"{base}/office/breaks")
    bare = code.replace(" ", "")
    line = f"WAF-88120,{bare},{TOLD},MAD,{now},1001,T1,paid"
    give_file(first, "wafacash.csv", NETWORK_HEADER, line)
    expect(first.locator("dl.facts")).to_contain_text("Montant différent")
    address = settle(clerks, f"{base}/office/breaks", "suspense", "le fichier du jour dit moins")
    expect(second.locator("dl.facts")).to_contain_text(LEFT)
    expect(second.locator("dl.facts")).to_contain_text(receipt[-4:])
    assert second.goto(f"{base}/office/people").status == 403  # type: ignore[union-attr]
    second.goto(address)
    for clerk in ("wafacash", "Salma"):
        expect(second.locator("dl.facts")).to_contain_text(clerk)


def settle(clerks: tuple[Page, Page], desk: str, way: str, reason: str) -> str:
    """One clerk proposes a way out of the newest break and cannot approve it; the other does."""
    first, second = clerks
    first.goto(f"{desk}?sort=number")
    first.locator("tbody th a[href]").filter(has_text=re.compile(r"^\d+$")).last.click()
    address = first.url
    first.locator(f"[name=method][value={way}]").check()
    first.locator("form[action$='/propose'] [name=reason]").fill(reason)
    first.locator("form[action$='/propose'] button").click()
    expect(first.get_by_role("status")).to_be_visible()
    expect(first.locator("form[action$='/approve']")).to_have_count(0)
    second.goto(address)
    expect(second.locator("dl.facts")).to_contain_text(reason)
    second.locator("form[action$='/approve'] button").click()
    expect(second.locator("dl.facts")).to_contain_text("réglé")
    return address


def post_at_second_try(clerks: tuple[Page, Page], base: str, receipt: str) -> None:
    """CNSS refuses the month, is sent it again by two people, and posts it."""
    first, second = clerks
    place, today = f"{base}/office/postings", local_date(utc_now()).isoformat()
    assert receipt in take_export(first, place)
    refused = f"posting,{receipt},,,refused,{today},,numéro inconnu"
    give_file(first, "refused.csv", CNSS_HEADER, refused)
    expect(first.locator("dl.facts")).to_contain_text("Refusées")
    settle(clerks, place, "send_again", "le numéro est corrigé")
    assert receipt in take_export(second, place)
    give_file(second, "posted.csv", CNSS_HEADER, f"posting,{receipt},,,posted,{today},,")
    expect(second.locator("dl.facts")).to_contain_text("Créditées")


def take_export(page: Page, place: str) -> str:
    """Makes an export and fetches the newest file of the page."""
    page.goto(place)
    page.locator("form[action$='/exports'] button").click()
    expect(page.get_by_role("status")).to_be_visible()
    with page.expect_download() as fetched:
        page.locator("a[download]").first.click()
    return Path(fetched.value.path()).read_text("utf-8")


def help_caller(page: Page, base: str) -> None:
    """The help desk answers another artisan's call: the page opens for a reason."""
    page.goto(f"{base}/office/people")
    page.locator("[name=q]").fill("0600000001")
    page.keyboard.press("Enter")
    page.locator("a[href*='reason=call']").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fatima Zahraoui")
    expect(page.locator("section[aria-labelledby=h-rights]")).to_contain_text(DUE)
    keep_for_readme(page, "office", OFFICE)


def see_service(page: Page, base: str) -> None:
    """The operator sees what is well, what is not and what to do, and which menus are live."""
    expect(page.locator("dl.numbers dd")).to_have_count(3)
    page.get_by_role("link", name="Santé", exact=False).first.click()
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="base de données")).to_contain_text("va bien")
    page.get_by_role("link", name="Menus", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Menus des téléphones")
    expect(page.locator("dl.facts dd").first).to_have_text(re.compile("[0-9a-f]{8}"))
    answer = page.goto(f"{base}/office/books")
    assert answer and answer.status == 403


def see_month(page: Page, base: str, app: Flask) -> None:
    """The analyst sees nothing until the month is published, then counts and no single person."""
    page.goto(f"{base}/office/figures")
    expect(page.locator("p.empty")).to_be_visible()
    month = Month.of(local_date(utc_now()))
    done = run_command(app, "figures", "publish", "--month", str(month))
    assert done.exit_code == 0, done.output
    page.reload()
    expect(page.locator("main table").first).to_be_visible()
    assert NAME not in page.content() and RNA not in page.content()
    for place in ("people", "breaks", "postings", "audit"):
        answer = page.goto(f"{base}/office/{place}")
        assert answer and answer.status == 403


def find_all(page: Page, base: str, receipt: str) -> None:
    """The auditor finds books that balance, both names of each approval, and every look."""
    page.goto(f"{base}/office/books")
    expect(page.locator("table").first.locator("tr").last).to_contain_text("0,00")
    page.goto(f"{base}/office/audit?which=approvals")
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="Salma").filter(has_text="wafacash")).not_to_have_count(0)
    expect(rows.filter(has_text="Youssef").filter(has_text="cnss")).not_to_have_count(0)
    page.goto(f"{base}/office/audit?who=chamber")
    for act in ("presence_refused", "presence_begun", "person_shown", "code_issued"):
        expect(rows.filter(has_text=act).first).to_be_visible()
    page.goto(f"{base}/office/people")
    page.locator("[name=q]").fill(RNA)
    page.keyboard.press("Enter")
    page.locator("a[href*='reason=check']").click()
    looks = page.locator("section[aria-labelledby=h-looks]")
    expect(looks).to_contain_text("chamber")
    expect(looks).to_contain_text("auditor")
    expect(page.locator("section[aria-labelledby=h-payments]")).to_contain_text(receipt)
    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
