"""Marks without a shape, odd blanks and joined letter forms that documents leave in text. Pure."""

from __future__ import annotations

import re
import unicodedata

# Direction marks, zero-width signs, byte order marks, soft hyphens, fillers, variation selectors.
_UNSEEN_MARKS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
UNSEEN = re.compile(f"[{_UNSEEN_MARKS}]")
# The shapes that Arabic letters take in a word, and Latin ligatures: fonts have them, not spelling.
_FORMS = "\ufb00-\ufb06\ufb50-\ufdff\ufe70-\ufefc"
_PRESENTATION_FORMS = re.compile(f"[{_FORMS}]+")
# An Arabic letter drawn long, and a blank of six empty dots.
_ODD_SIGNS = str.maketrans({"\u0640": "", "\u2800": " "})
# Few names have any of these.
_TO_BE_MENDED = re.compile(f"[\u0640\u2800{_UNSEEN_MARKS}{_FORMS}]")
# Letters that people confuse in writing and that Unicode's decomposition does not make equal.
_ALIKE = str.maketrans({"ة": "ه", "ى": "ي", "گ": "ك", "ڭ": "ك", "ⵕ": "ⵔ", "ⵯ": ""})


def drop_unseen(text: str) -> str:
    """Returns text without marks that have no shape."""
    return text if text.isascii() else UNSEEN.sub("", text)


def spell_plainly(text: str) -> str:
    """Returns text in letters as one spells them: composed, one blank between words, no marks."""
    if not text.isascii():
        if _TO_BE_MENDED.search(text):
            text = drop_unseen(text).translate(_ODD_SIGNS)
            text = _PRESENTATION_FORMS.sub(_spell_form, text)
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def _spell_form(form: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", form[0])


def letters_of(name: str) -> str:
    """Returns the letters of a name without marks, the same for its usual spellings in a script."""
    bare = unicodedata.normalize("NFKD", name).casefold().translate(_ALIKE)
    return "".join(letter for letter in bare if letter.isalpha())
