"""Adding a language touches three files: its entry, its sentences, the sample notice's text."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from app.runtime import Runtime
from app.settings import ROOT
from app.text.languages import LANGUAGES
from tests.checkout import Checkout

FATIMA, UNKNOWN = "+212600000001", "+212600000099"
ENTRY_FILE, WORDS_FILE = "app/text/languages.yaml", "menus/locales/eo/LC_MESSAGES/menus.po"
NOTICE_FILE = "app/notices/sample_notice.yaml"
NOTICE = "eo:\n  title: Sumo 2026\n  text: [Pagu antau la fino.]\n"
ENTRY = """
eo:
  name: Esperanto
  phone_name: Esperanto
  script: latin
  direction: ltr
  dirham: Dh
  decimal_mark: "."
  encoding: GSM-7
  most_segments: 1
  keywords: [ESPERANTO]
"""


@pytest.fixture
def checkout(runtime: Runtime, tmp_path: Path) -> Checkout:
    """A checkout with one more language, whose sentences are the French ones."""
    checkout = Checkout(tmp_path / "checkout", runtime)
    checkout.append(ENTRY_FILE, ENTRY)
    french = (ROOT / "menus/locales/fr/LC_MESSAGES/menus.po").read_text("utf-8")
    checkout.append(NOTICE_FILE, NOTICE)
    checkout.append(WORDS_FILE, french.replace("Language: fr", "Language: eo"))
    return checkout


@pytest.mark.usefixtures("sample_people")
def test_a_language_is_added_by_its_entry_and_its_words(
    checkout: Checkout, runtime: Runtime
) -> None:
    assert checkout.changed_files() == {ENTRY_FILE, WORDS_FILE, NOTICE_FILE}
    menus = checkout.flask("menus", "check")
    assert menus.returncode == 0, menus.stderr
    assert f"in {len(LANGUAGES) + 1} languages" in menus.stdout

    published = checkout.flask("notices", "publish", NOTICE_FILE)
    assert published.returncode == 0, published.stderr

    offered, _, dues, _ = checkout.dial(
        (UNKNOWN, "9"),
        (FATIMA, "5", "5", "1", "9", "3"),
        (FATIMA, "2"),
        (FATIMA, "2", "1"),
    )
    assert "3 Esperanto" in offered
    assert "163.52 Dh" in dues
    with runtime.database.connect() as connection:
        queued = "SELECT language, body FROM message WHERE kind = 'code'"
        message = connection.execute(text(queued)).one()
    assert message.language == "eo"
    assert "163.52 Dh" in message.body


def test_a_language_without_words_is_refused_by_the_check(runtime: Runtime, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout", runtime)
    checkout.append(ENTRY_FILE, ENTRY)
    menus = checkout.flask("menus", "check")
    assert menus.returncode == 1
    assert "[eo]: has no words at all" in menus.stderr
