"""The public figures: the page, its CSV and its XLSX show what was published, and no more."""

from __future__ import annotations

from pathlib import Path

from flask.testing import FlaskClient

from app.runtime import Runtime
from tests.figures.test_publishing import publish_register


def test_public_page(runtime: Runtime, client: FlaskClient, tmp_path: Path) -> None:
    page = client.get("/figures")
    assert page.status_code == 200
    publish_register(runtime, tmp_path, 400)
    page = client.get("/figures")
    assert page.status_code == 200, page.text
    Path("/tmp/figpage.html").write_text(page.text)
    page = client.get("/figures?cut=region", headers={"Accept-Language": "ar"})
    Path("/tmp/figpage-ar.html").write_text(page.text)
    assert page.status_code == 200, page.text
    csv = client.get("/figures.csv").text
    assert csv.startswith("month,cut,key,measure,value\n2026-11,all,all,artisans,400\n")
    assert client.get("/figures.xlsx").data[:2] == b"PK"
