"""The office's sentences: the same keys in each of its languages, and each that a page says."""

from __future__ import annotations

import re

from app.office.rights import RIGHTS
from app.runtime import MENUS
from app.settings import ROOT
from app.text.words import Words
from app.web.office.frame import SECTIONS

WORDS = Words.load(MENUS / "locales", "office_*.po")
_SAID = re.compile(r"""['"]((?:office|error)(?:\.[a-z0-9_]+)+)['"]""")


def list_said() -> set[str]:
    """The keys that pages name in full, in templates and code."""
    files = [
        *(ROOT / "app/web/templates/office").glob("*.html"),
        *(ROOT / "app/web/office").glob("*.py"),
    ]
    found = {match[1] for path in files for match in _SAID.finditer(path.read_text("utf-8"))}
    endpoints = {
        match
        for path in files
        for match in re.findall(r"""url_for\(['"](office\.[a-z_]+)['"]""", path.read_text("utf-8"))
    }
    return found - endpoints - {endpoint for _, endpoint, _ in SECTIONS}


def test_french_and_arabic_are_whole() -> None:
    assert {"fr", "ar"} <= set(WORDS.languages)
    assert not any(WORDS.repeated.values())
    for language in WORDS.languages:
        assert WORDS.keys(language) == WORDS.keys("fr"), language
        for key in WORDS.keys(language):
            if key not in WORDS._nouns[language]:
                assert not WORDS.unreadable_values(language, key), (language, key)
                assert WORDS.value_names(language, key) == WORDS.value_names("fr", key), key


def test_every_key_that_a_page_says_has_words() -> None:
    known = WORDS.keys("fr") | Words.load(MENUS / "locales").keys("fr")
    said = list_said() | {words for _, _, words in SECTIONS}
    said |= {f"office.role.{role}" for role in RIGHTS}
    assert said - known == set()


def test_every_fault_of_a_file_has_words() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "app").rglob("*.py")]
    faults = {fault for source in sources for fault in re.findall(r'\bfault="([a-z_]+)"', source)}
    assert len(faults) > 15
    assert {f"office.file.{fault}" for fault in faults} <= WORDS.keys("fr")


def test_acts_of_the_audit_have_words() -> None:
    written = r'record_(?:audit|decision)\(\s*(?:replace\([^)]*\)|[\w.]+),\s*"([a-z_]+)"'
    sources = [path.read_text("utf-8") for path in (ROOT / "app").rglob("*.py")]
    acts = {act for source in sources for act in re.findall(written, source)}
    assert len(acts) > 100
    assert {f"office.act.{act}" for act in acts} - WORDS.keys("fr") == set()


def test_arabic_is_written_as_arabic() -> None:
    for key in WORDS.keys("ar") - WORDS._nouns["ar"]:
        sentence = re.sub(r"\{[^}]*\}", "", WORDS.get_sentence("ar", key)).strip()
        assert re.search("[\u0600-\u06ff]", sentence) or sentence in {"CNSS", "CSV", "XLSX"}, key
