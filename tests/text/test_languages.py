"""The languages and what their file may not leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.text.encoding import GSM7, encoding_of
from app.text.languages import LANGUAGES, read_languages

ENTRY = """
{code}:
  name: Name
  phone_name: Name
  script: {script}
  direction: ltr
  dirham: DH
  decimal_mark: ","
  encoding: UCS-2
  most_segments: 2
  keywords: [NAME]
"""


def test_every_language_is_named_first_in_letters_that_no_phone_lacks() -> None:
    for code, entry in LANGUAGES.items():
        assert encoding_of(entry.phone_name.split()[0]) == GSM7, code


def test_every_other_script_has_a_form_in_latin_letters() -> None:
    for code, entry in LANGUAGES.items():
        assert (entry.latin_form is None) == (entry.script == "latin"), code


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (ENTRY.format(code="ar", script="arabic"), "fr is missing"),
        (
            ENTRY.format(code="fr", script="latin") + ENTRY.format(code="ar", script="arabic"),
            "ar needs a latin_form, a language in Latin letters",
        ),
        (
            ENTRY.format(code="fr", script="latin")
            + ENTRY.format(code="ar", script="arabic")
            + "  latin_form: ar",
            "ar needs a latin_form, a language in Latin letters",
        ),
    ],
)
def test_a_file_that_leaves_something_out_is_refused(
    tmp_path: Path, entries: str, why: str
) -> None:
    path = tmp_path / "languages.yaml"
    path.write_text(entries, "utf-8")
    with pytest.raises(ValueError, match=f"languages.yaml: {why}"):
        read_languages(path)
