"""What documents say of the program is what it does."""

from __future__ import annotations

import re

from app.runtime import Runtime
from app.settings import ROOT
from app.ussd.graph import mermaid


def test_the_drawn_menu_is_the_menu(session_runtime: Runtime) -> None:
    drawn = re.search(r"```mermaid\n(.*?)```", (ROOT / "docs/menus.md").read_text("utf-8"), re.S)
    assert drawn
    assert drawn[1].strip() == mermaid(session_runtime.ussd.menu).strip(), (
        "paste `flask menus graph` into docs/menus.md"
    )


def test_every_document_and_picture_named_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} names {target}"
