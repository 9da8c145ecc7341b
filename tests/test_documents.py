"""Documents agree with the program: its menu, its files and its terms."""

from __future__ import annotations

import re

from app.cli import metrics
from app.cli.settings import write_example, write_page
from app.runtime import Runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from app.ussd.tools.graph import draw_entry, draw_page, list_entries


def test_the_drawn_menu_is_the_menu(session_runtime: Runtime) -> None:
    """Only requests for help may be missing in the drawing: each is a line of the menu."""
    menu = session_runtime.ussd.menu
    page = (ROOT / "docs/menu-charts.md").read_text("utf-8")
    requests = {
        name for name, screen in menu.screens.items() if screen.kind == "do" and screen.says
    }
    assert without(requests, page) == without(requests, draw_page(menu)), (
        "flask menus graph --page > docs/menu-charts.md"
    )


def test_each_screen_is_drawn_and_no_chart_is_longer_than_a_page(session_runtime: Runtime) -> None:
    menu = session_runtime.ussd.menu
    charts = [draw_entry(menu, name) for _, name in list_entries(menu)]
    assert max(chart.count("\n") for chart in charts) < 120
    drawn = set(re.findall(r"(?m)^  (\w+)", "\n".join(charts)))
    assert drawn == set(menu.screens)


def without(screens: set[str], drawing: str) -> list[str]:
    """Returns the lines of a drawing that name none of the screens."""
    return [line for line in drawing.split("\n") if not screens & set(re.findall(r"\w+", line))]


def test_the_example_of_settings_is_made_from_them() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    assert example == write_example(), "flask settings --env > .env.example"


def test_the_table_of_settings_is_made_from_them() -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    assert page == write_page(), "flask settings --page > docs/settings.md"


def test_the_table_of_metrics_is_made_from_them() -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    assert page == metrics.write_page(), "flask metrics --page > docs/metrics.md"


def test_every_document_and_picture_named_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} names {target}"


# OWASP's Application Security Verification Standard 5.0.0: the sections of each chapter, V1 to V17.
_SECTIONS = (5, 4, 7, 4, 4, 8, 6, 4, 2, 7, 7, 3, 4, 3, 4, 5, 3)


def security() -> str:
    return (ROOT / "docs/security.md").read_text("utf-8")


def test_every_test_that_shows_security_is_there() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", security()))
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
    attacks = {f"tests/{f.parent.name}/{f.name}" for f in (ROOT / "tests").glob("*/test_*.py")}
    of_strangers = {a for a in attacks if a.split("/")[1] in {"abuse", "doors", "rekeying", "fuzz"}}
    assert of_strangers - named == set(), "make abuse runs what docs/security.md names"


def test_every_section_of_the_standard_has_a_row_and_one_only() -> None:
    """Each holds in whole or in part, with its test or what is missing, or does not apply."""
    rows = [line.split("|")[1:-1] for line in security().splitlines() if line.startswith("| V")]
    answered = [name for row in rows for name in re.findall(r"V\d+(?:\.\d+)?", row[0])]
    wanted = {f"V{c}.{s}" for c, most in enumerate(_SECTIONS, 1) for s in range(1, most + 1)}
    whole = {name for name in answered if "." not in name}
    assert sorted(answered) == sorted(set(answered))
    given = {name for name in wanted if name in answered or name.split(".")[0] in whole}
    assert wanted - given == set() and set(answered) - wanted - whole == set()
    for row in rows:
        if len(row) == 4:
            assert row[1].strip() in {"yes", "in part"}, row
            assert "tests/" in row[3] or "in part" in row[1], row


# The columns of the glossary after the thing.
GLOSSARY = tuple(LANGUAGES)


def glossary() -> str:
    """The table of terms; the words that are not said are read by tests/text/test_glossary.py."""
    return (ROOT / "docs/glossary.md").read_text("utf-8").partition("## Words that are not")[0]


def test_a_reimbursement_is_called_so_wherever_it_is_named(session_runtime: Runtime) -> None:
    """List, screen and messages use the glossary's word; a file (dossier) is for enrolment."""
    (row,) = re.findall(r"(?m)^\| what CNSS pays back \|(.+)\|$", glossary())
    words = session_runtime.words
    for term, language in zip(row.split("|"), GLOSSARY, strict=True):
        for key in ("claims", "claim", "sms.claims", "sms.claim_ready", "sms.collection"):
            sentence = words.get_sentence(language, key).casefold()
            assert term.strip().casefold() in sentence, f"{key} in {language}"


def test_the_glossary_s_terms_are_the_ones_used(session_runtime: Runtime) -> None:
    """Each term of the glossary stands in a sentence of its language."""
    rows = re.findall(r"(?m)^\|(.+)\|$", glossary())[2:]
    assert len(rows) > 15
    words = session_runtime.words
    sentences = {
        language: " ".join(
            form for key in words.keys(language) for form in words.forms(language, key)
        )
        for language in GLOSSARY
    }
    for row in rows:
        thing, *terms = (cell.strip() for cell in row.split("|"))
        for term, (language, text) in zip(terms, sentences.items(), strict=True):
            assert term.casefold() in text.casefold(), (
                f"{thing}: {term} is said nowhere in {language}"
            )
