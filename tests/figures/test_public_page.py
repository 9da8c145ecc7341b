"""The public figures: page, CSV, XLSX and pictures show what was published, and no more."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from random import Random
from xml.etree import ElementTree

from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.figures.measures import BREAK_AGES, CUTS
from app.figures.rules import Cell, MonthFigures, Value, protect
from app.jobs.figures import FigureWork
from app.runtime import Runtime
from app.text.languages import LANGUAGES
from app.text.regions import regions
from tests.figures.conftest import publish
from tests.figures.made_up import MadeUpRegister

_OTHER_CUTS = ("trade", "category", "network", "channel")
_PICTURES = ("payments", "dirhams", "funnel", "codes", "regions", "breaks", "delivery", "effect")
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


def publish_made_up(owner: Engine) -> dict[Cell, Value]:
    """Publishes a made-up month with something to show in each picture, and something hidden."""
    keys = {
        "region": [region.latin for region in regions().values()],
        "language": list(LANGUAGES),
        "day": [f"2026-10-{number:02d}" for number in range(1, 32)],
        "break_age": list(BREAK_AGES),
        "provider": ["twilio", "africastalking"],
        **{cut: [f"{cut}{number}" for number in range(4)] for cut in _OTHER_CUTS},
    }
    weights = {cut: [3.0**-i for i, _ in enumerate(names)] for cut, names in keys.items()}
    for things in ("day", "break_age"):
        weights[things] = [0.01, *([1.0] * (len(keys[things]) - 1))]
    figures = MadeUpRegister(Random(0), keys, weights).make_month(60_000)
    amounts = {
        (cut, key, "paid_dirhams"): count * 163_52
        for (cut, key, name), count in figures.values.items()
        if name == "paid"
    }
    shown = protect(MonthFigures({**figures.values, **amounts}))
    with owner.begin() as connection:
        connection.execute(text("INSERT INTO published_month VALUES ('2026-10-01', now(), 'me')"))
        connection.execute(
            text("INSERT INTO published_figure VALUES ('2026-10-01', :cut, :key, :name, :value)"),
            [
                {"cut": cut, "key": key, "name": measure, "value": value}
                for (cut, key, measure), value in shown.items()
            ],
        )
    return shown


def test_all_pictures_are_drawn_by_the_worker_with_what_is_shown_alone(
    runtime: Runtime, client: FlaskClient, owner: Engine
) -> None:
    shown = publish_made_up(owner)
    page = client.get("/figures").text
    assert "<img src" not in page.split("<main", 1)[1]
    assert FigureWork(runtime).do() > 0
    assert {bytes(key).split(b":")[2] for key in runtime.redis.keys("figures:file:*")} == {
        b"csv",
        b"xlsx",
    }
    page = client.get("/figures").text
    addresses = re.findall(r'<img src="(/figures/pictures/[0-9a-f]{64}\.svg)"', page)
    assert len(addresses) == page.count("<figure>") == page.count("<details>") == 8
    tables = {}
    for address in addresses:
        svg = client.get(address)
        assert svg.mimetype == "image/svg+xml"
        ElementTree.fromstring(svg.text)
        assert "<script" not in svg.text
        name = svg.headers["Content-Disposition"].partition('"')[2].strip('"')
        tables[name] = read_csv(client, address.replace(".svg", ".csv"))[1:]
    told = [one.removesuffix(".svg").removeprefix("maalem-") for one in tables]
    assert told == [
        "payments",
        "dirhams",
        "funnel",
        "codes",
        "regions",
        "breaks",
        "delivery",
        "effect",
    ]
    days = [shown["day", f"2026-10-{number:02d}", "paid"] for number in range(1, 32)]
    assert None in days
    wanted = [f"{number:02d}" for number in range(1, 32)]
    assert [row[0] for row in tables["maalem-payments.svg"]] == wanted
    values = [row[2] for row in tables["maalem-payments.svg"]]
    assert values == ["" if value is None else f"{value}" for value in days]
    shares = {row[0]: row[2] for row in tables["maalem-regions.svg"]}
    assert len(shares) == 12 and "" in shares.values()
    for name, share in shares.items():
        value = shown["region", name, "rights_open_share"]
        assert share == ("" if value is None else f"{value}"), name
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
