"""The public figures: page, CSV, XLSX and pictures show what was published, and no more."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from xml.etree import ElementTree

from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.figures.measures import CUTS
from app.jobs.figures import FigureWork
from app.runtime import Runtime
from tests.figures.conftest import publish

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_csv(client: FlaskClient, address: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(client.get(address).text)))


def read_xlsx(client: FlaskClient, address: str) -> list[list[str]]:
    """The cells of a workbook; no cell of it is a formula."""
    book = zipfile.ZipFile(io.BytesIO(client.get(address).data))
    sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert sheet.find(f".//{_SHEET}f") is None
    rows = []
    for row in sheet.iter(f"{_SHEET}row"):
        cells = [
            "".join(t.text or "" for t in (*cell.iter(f"{_SHEET}t"), *cell.iter(f"{_SHEET}v")))
            for cell in row
        ]
        rows.append([*cells, ""] if len(cells) == 4 else cells)
    return rows


def plain(rows: list[list[str]]) -> list[tuple[list[str], float | None]]:
    """Rows with their values as numbers: a workbook writes all digits of one."""
    return [(row[:4], float(row[4]) if row[4] else None) for row in rows[1:]]


def test_nothing_is_shown_before_a_month_is_published(client: FlaskClient) -> None:
    page = client.get("/figures")
    assert page.status_code == 200
    assert "Aucun mois" in page.text
    assert read_csv(client, "/figures.csv") == [["month", "cut", "key", "measure", "value"]]
    assert "/figures" in client.get("/").text


def test_page_csv_and_xlsx_say_the_same(
    runtime: Runtime, client: FlaskClient, register: None
) -> None:
    assert publish(runtime)
    rows = read_csv(client, "/figures.csv")
    assert rows[0] == ["month", "cut", "key", "measure", "value"]
    assert {row[1] for row in rows[1:]} == set(CUTS)
    assert ["2026-11", "all", "all", "artisans", "1500"] in rows
    assert any(row[4] == "" for row in rows)
    assert plain(read_xlsx(client, "/figures.xlsx")) == plain(rows)
    page = client.get("/figures").text
    assert "1\u00a0500" in page
    shown = {row[4] for row in rows if row[1] == "region" and row[3] == "artisans"} - {""}
    page = client.get("/figures?cut=region").text
    assert all(f"<bdi>{value}</bdi>" in page for value in shown)
    assert "non montr" in page


def test_every_language_and_cut_has_a_page(client: FlaskClient, published: None) -> None:
    titles = {"fr": "Chiffres publics", "ar": "الأرقام العمومية", "zgh": "Chiffres publics"}
    for language, title in titles.items():
        for cut in CUTS:
            page = client.get(f"/figures?cut={cut}", headers={"Accept-Language": language})
            assert page.status_code == 200, (language, cut)
            assert f"<h1>{title}</h1>" in page.text
            assert page.text.count("<h1>") == 1


def test_a_picture_is_drawn_by_the_worker_once_it_is_asked_for(
    runtime: Runtime, client: FlaskClient, published: None
) -> None:
    page = client.get("/figures").text
    assert "<img src" not in page.split("<main", 1)[1]
    assert FigureWork(runtime).do() > 0
    assert {bytes(key).split(b":")[2] for key in runtime.redis.keys("figures:file:*")} == {
        b"csv",
        b"xlsx",
    }
    page = client.get("/figures").text
    (address, *_) = re.findall(r'<img src="(/figures/pictures/[0-9a-f]{64}\.svg)"', page)
    svg = client.get(address)
    assert svg.mimetype == "image/svg+xml"
    ElementTree.fromstring(svg.text)
    assert "<script" not in svg.text
    table = client.get(address.replace(".svg", ".csv")).text
    assert table.startswith("place,")
    assert client.get(f"/figures/pictures/{'0' * 64}.svg").status_code == 404


def test_a_key_that_looks_like_a_formula_is_text(
    runtime: Runtime, client: FlaskClient, register: None, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE artisan SET trade = '=1+1' WHERE id % 2 = 0"))
    publish(runtime)
    keys = {row[2] for row in read_csv(client, "/figures.csv") if row[1] == "trade"}
    assert "'=1+1" in keys and "=1+1" not in keys
    keys = {row[2] for row in read_xlsx(client, "/figures.xlsx") if row[1] == "trade"}
    assert "=1+1" in keys
    assert client.get("/figures?cut=trade").status_code == 200
