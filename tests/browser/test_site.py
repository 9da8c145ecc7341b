"""The documents as a site: every link holds, charts are drawn, nothing comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from mkdocs.structure.files import Files
from playwright.sync_api import BrowserContext, Page

from app.settings import ROOT
from supply.site import on_page_markdown

_OWN = re.compile(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="((?:https?:)?//[^"]*)"')
pytestmark = pytest.mark.xdist_group("site")
_SIDES = ("agents", "fr/agents", "office", "fr/office", "helpers", "fr/helpers", "install", "api")


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *options],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_has_every_document_and_nothing_from_another_machine(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        own = page.relative_to(ROOT / "docs").with_suffix(".html")
        own = own.with_name("index.html") if page.name == "README.md" else own
        assert (site / own).is_file(), own
    for page in site.rglob("*.html"):
        assert _OWN.findall(page.read_text("utf-8")) == [], page
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text("utf-8"), sheet
    start = (site / "index.html").read_text("utf-8")
    assert [name for name in _SIDES if f'href="{name}.html"' not in start] == []


def test_a_broken_link_builds_nothing(tmp_path: Path) -> None:
    links = "[a](nowhere.md) [a](office.md#nothing) ![a](none.png) [a](../tests/none.py)"
    pages = tmp_path / "docs"
    pages.mkdir()
    (pages / "README.md").write_text(f"# A\n\n{links}\n", "utf-8")
    (pages / "office.md").write_text("# B\n", "utf-8")
    plain = (ROOT / "mkdocs.yml").read_text("utf-8").split("\nnav:")[0]
    configuration = tmp_path / "mkdocs.yml"
    configuration.write_text(
        plain.replace("hooks: [supply/site.py]", "hooks: []") + "\nnav: [README.md, office.md]\n",
        "utf-8",
    )
    built = build(tmp_path / "site", "--config-file", str(configuration))
    assert built.returncode == 1 and "Aborted with 4 warnings" in built.stdout + built.stderr


def test_a_link_out_of_the_documents_becomes_a_name_and_a_wrong_one_stays() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="runbooks/A.md"))

    def write(markdown: str) -> str:
        return on_page_markdown(markdown, page=page, files=Files([]))

    assert write("[the test](../../tests/conftest.py)") == "the test (`tests/conftest.py`)"
    assert write("[tests/conftest.py](../../tests/conftest.py)") == "tests/conftest.py"
    for wrong in ("[a](nowhere.md)", "[a](../../tests/none.py)"):
        assert write(wrong) == wrong


@pytest.mark.browser
def test_what_is_searched_for_is_found_where_the_site_is_opened_from_a_folder(
    site: Path, window: BrowserContext
) -> None:
    window.route(re.compile("^https?:"), lambda route: route.abort())
    page = window.new_page()
    page.goto((site / "fr" / "agents.html").as_uri())
    for words, told in (
        ("caisse", "fr/agents"),
        ("BooksDoNotBalance", "runbooks/BooksDoNotBalance"),
    ):
        line = page.get_by_role("textbox", name="Search")
        line.fill("")
        line.press_sequentially(words)
        found = page.locator(f'.md-search-result__link[href*="{told}.html"]')
        found.first.wait_for(state="attached")


@pytest.mark.browser
def test_charts_are_drawn_without_a_network(site: Path, window: BrowserContext) -> None:
    asked: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.route(re.compile("^https?:"), lambda route: route.abort())
    page = window.new_page()
    page.goto((site / "architecture.html").as_uri())
    wait_for_charts(page, 1)
    assert page.locator("pre.mermaid").count() == 0
    # On a phone it stays as wide as it can be read, and the page itself moves not aside.
    page.set_viewport_size({"width": 360, "height": 640})
    width = "document.querySelector('div.mermaid').getBoundingClientRect().width"
    assert page.evaluate(width) > 500
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # The largest page: its charts are drawn one after the other.
    page.goto((site / "menu-charts.html").as_uri(), wait_until="commit")
    wait_for_charts(page, 3)
    assert [url for url in asked if not url.startswith("file:")] == []


def wait_for_charts(page: Page, count: int) -> None:
    """Waits until so many charts are drawn, each as large as one that shows something."""
    page.wait_for_function(
        """count => [...document.querySelectorAll('div.mermaid')]
            .filter(each => each.getBoundingClientRect().height > 40).length >= count""",
        arg=count,
        timeout=60_000,
    )
