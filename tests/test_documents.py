"""What documents say of the program is what it does."""

from __future__ import annotations

import re

from app.runtime import Runtime
from app.settings import ROOT
from app.ussd.tools.graph import draw_mermaid


def test_the_drawn_menu_is_the_menu(session_runtime: Runtime) -> None:
    """Only requests for help may be missing in the drawing: each is a line of the menu."""
    menu = session_runtime.ussd.menu
    drawn = re.search(r"```mermaid\n(.*?)```", (ROOT / "docs/menus.md").read_text("utf-8"), re.S)
    assert drawn
    requests = {
        name for name, screen in menu.screens.items() if screen.kind == "do" and screen.says
    }
    assert without(requests, drawn[1].strip()) == without(requests, draw_mermaid(menu).strip()), (
        "paste `flask menus graph` into docs/menus.md"
    )


def without(screens: set[str], drawing: str) -> list[str]:
    """Returns the lines of a drawing that name none of the screens."""
    return [line for line in drawing.split("\n") if not screens & set(re.findall(r"\w+", line))]


def test_every_document_and_picture_named_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} names {target}"


def glossary() -> str:
    return (ROOT / "docs/glossary.md").read_text("utf-8")


def test_a_reimbursement_is_called_so_wherever_it_is_named(session_runtime: Runtime) -> None:
    """In the list, on its screen, in its messages; a file (dossier) is what one enrols with."""
    (row,) = re.findall(r"(?m)^\| what CNSS pays back \|(.+)\|$", glossary())
    words = session_runtime.words
    for term, language in zip(row.split("|"), ("fr", "ar", "ary-Latn", "zgh"), strict=True):
        for key in ("claims", "claim", "sms.claims", "sms.claim_ready", "sms.collection"):
            said = str(words.catalogs[language][key].string).casefold()
            assert term.strip().casefold() in said, f"{key} in {language}"


def test_the_glossary_s_terms_are_the_ones_used(session_runtime: Runtime) -> None:
    """A term nobody says any more, or a glossary that says another, is told by name."""
    rows = re.findall(r"(?m)^\|(.+)\|$", glossary())[2:]
    assert len(rows) > 15
    words = session_runtime.words
    said = {
        language: " ".join(str(m.string) for m in words.catalogs[language]).casefold()
        for language in ("fr", "ar", "ary-Latn", "zgh")
    }
    for row in rows:
        thing, *terms = (cell.strip() for cell in row.split("|"))
        for term, (language, text) in zip(terms, said.items(), strict=True):
            assert term.casefold() in text, f"{thing}: {term} is said nowhere in {language}"
