"""Figures in the office: each role sees its part, by the page's rights and by the wall alone."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text

from app.base.clock import local_date
from app.base.months import Month
from app.base.operation import operation
from app.figures.models import published_figure
from app.figures.reports import forget_reports
from app.figures.service import make_month
from app.runtime import Runtime
from app.wall import Sight, stand_behind
from tests.figures.conftest import load_register, publish
from tests.web.office.conftest import SignIn, post, send, write_lists

ALL_OF_IT = ("analyst", "cnss", "operator", "auditor", "office")
FILES = ("/office/figures.csv", "/office/figures.xlsx")
OWN = {"chamber": {("region", "Fès-Meknès")}, "wafacash": {("network", "wafacash")}}


@pytest.fixture
def month(runtime: Runtime, sample_people: None, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A published month of the sample people and many others."""
    load_register(runtime, tmp_path, 600)
    assert publish(runtime)


def list_parts(content: str) -> set[tuple[str, str]]:
    return {(row[1], row[2]) for row in csv.reader(io.StringIO(content))} - {("cut", "key")}


def test_each_role_sees_its_part(sign_in: SignIn, month: None) -> None:
    for role in ALL_OF_IT:
        browser = sign_in(role)
        assert browser.get("/office/figures").status_code == 200, role
        parts = list_parts(browser.get("/office/figures.csv").text)
        assert {cut for cut, _ in parts} >= {"all", "region", "trade", "network"}, role
    for role, own in OWN.items():
        browser = sign_in(role)
        for query in ("", "?cut=trade", "?cut=all&month=2026-11"):
            page = browser.get(f"/office/figures{query}")
            assert page.status_code == 200, role
            assert "Souss-Massa" not in page.text
        assert list_parts(browser.get("/office/figures.csv").text) == own
        assert browser.get("/office/figures.xlsx").status_code == 200
    browser = sign_in("helpdesk")
    for address in ("/office/figures", *FILES, "/office/figures/lists/1"):
        assert browser.get(address).status_code == 403, address


_SIGHTS: tuple[tuple[Sight, set[tuple[str, str]] | None], ...] = (
    (Sight("a", "analyst"), None),
    (Sight("c", "chamber", region="Fès-Meknès"), OWN["chamber"]),
    (Sight("w", "wafacash", network="wafacash"), OWN["wafacash"]),
    (Sight("w", "wafacash", network="another"), set()),
    (Sight("h", "helpdesk"), set()),
    (Sight("", ""), set()),
)


def test_the_wall_alone_shows_each_role_its_part(runtime: Runtime, month: None) -> None:
    columns = published_figure.c
    for sight, parts in _SIGHTS:
        with runtime.office_database.begin() as connection:
            stand_behind(connection, sight)
            rows = connection.execute(select(columns.cut, columns.key).distinct()).all()
        seen = {(row.cut, row.key) for row in rows}
        assert len(seen) > 40 if parts is None else seen == parts, sight


def test_nobody_behind_the_wall_reads_figures_before_they_are_protected(
    runtime: Runtime, month: None
) -> None:
    for table in ("figure", "talk_day", "picture"):
        with runtime.office_database.begin() as connection:
            stand_behind(connection, Sight("a", "office"))
            may = text("SELECT has_table_privilege(:table, 'SELECT')")
            assert not connection.execute(may, {"table": table}).scalar(), table


def test_a_long_list_is_written_by_the_worker_and_fetched_by_its_asker(
    runtime: Runtime, sign_in: SignIn, month: None, owner: Engine
) -> None:
    chamber, analyst = sign_in("chamber"), sign_in("analyst")
    for browser in (chamber, analyst):
        assert post(browser, "/office/figures/lists", format="csv").status_code == 303
        assert "en préparation" in browser.get("/office/figures").text
    assert post(analyst, "/office/figures/lists", format="pdf").status_code == 404
    assert write_lists(runtime) == 2
    assert list_parts(chamber.get("/office/figures/lists/1").text) == OWN["chamber"]
    assert len(list_parts(analyst.get("/office/figures/lists/2").text)) > 40
    assert chamber.get("/office/figures/lists/2").status_code == 404
    assert analyst.get("/office/figures/lists/1").status_code == 404
    for _ in range(4):
        post(analyst, "/office/figures/lists", format="xlsx")
    assert post(analyst, "/office/figures/lists", format="xlsx").status_code == 409
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE report_request SET asked_at = asked_at - interval '25 hours'")
        )
    with operation(runtime.database, runtime.clock(), "worker") as change:
        assert forget_reports(change) == 6
    assert analyst.get("/office/figures/lists/2").status_code == 404


def test_an_operator_publishes_a_month_that_was_counted_after_its_end(
    runtime: Runtime, sign_in: SignIn, sample_people: None, owner: Engine
) -> None:
    page, address = "/office/figures", "/office/figures/publish"
    month = Month.of(local_date(runtime.clock()))
    make_month(runtime.database, runtime.figure_books, month, runtime.clock())
    operator, auditor = sign_in("operator"), sign_in("auditor")
    assert "pas fini quand" in operator.get(page).text
    assert send(operator, page, address, month=f"{month}").status_code == 409
    assert send(operator, page, address, month="2026").status_code == 404
    runtime.clock.now += timedelta(days=14)  # type: ignore[attr-defined]
    operator, auditor = sign_in("operator"), sign_in("auditor")
    refused = send(operator, page, address, month=f"{month}")
    assert refused.status_code == 409 and "comptés après sa fin" in refused.text
    make_month(runtime.database, runtime.figure_books, month, runtime.clock())
    assert f'value="{month}"' in operator.get(page).text
    assert "Publier un mois" not in auditor.get(page).text
    for browser, status in ((auditor, 403), (operator, 303), (operator, 303)):
        assert send(browser, "/office", address, month=f"{month}").status_code == status
    assert "Aucun mois à publier" in operator.get(page).text
    with owner.begin() as connection:
        acts = connection.execute(
            text("SELECT actor, subject FROM audit_event WHERE action = 'figures_published'")
        )
        assert [tuple(row) for row in acts] == [("operator", f"month:{month}")]


def test_the_first_page_has_three_numbers_of_ones_own_work(sign_in: SignIn, month: None) -> None:
    first = {
        "analyst": "Part des inscrits",
        "chamber": "à appeler",
        "wafacash": "aujourd",
        "cnss": "sans réponse",
        "helpdesk": "",
        "operator": "",
        "auditor": "",
    }
    for role, words in first.items():
        page = sign_in(role).get("/office").text
        assert page.count("<dd>") >= 3, role
        assert words in page, role
    assert "%" in sign_in("analyst").get("/office").text


def test_the_page_stands_in_both_languages(sign_in: SignIn, month: None) -> None:
    browser = sign_in("analyst")
    for language, title in (("fr", "Chiffres"), ("ar", "أرقام")):
        browser.get(f"/office/figures?language={language}")
        for cut in ("all", "region", "category", "channel", "language"):
            page = browser.get(f"/office/figures?cut={cut}")
            assert page.status_code == 200
            assert f"<h1>{title}</h1>" in page.text
