"""What a message from a phone asks for, in any case and any of the scripts. Pure.

contract section 3 has the words; a language is asked for by its name. CODE and STATUS need a
person's account and are not answered yet.
"""

from __future__ import annotations

import re
import unicodedata

# What each is understood as, with all the ways to write it.
_WORDS = {
    "stop": ("STOP", "ARRET", "WAQEF", "قف"),
    "start": ("START", "OUI"),
    "help": ("AIDE", "HELP", "مساعدة"),
    "fr": ("FR", "FRANCAIS", "FRENCH", "FRANCAISE", "الفرنسية", "فرنسية"),
    "ar": ("AR", "ARABE", "ARABIC", "ARABIYA", "العربية", "عربية", "عربي"),
    "ary-Latn": ("DARIJA", "DARIJ", "الدارجة", "دارجة", "MAGHRIBIYA"),
    "zgh": ("TAMAZIGHT", "AMAZIGH", "ZGH", "TAMAZIRT", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "الأمازيغية", "أمازيغية"),
}
# Said before a language's name by some: LANGUE ARABE.
_BEFORE = {"LANGUE", "LOUGHA", "LANGUAGE", "اللغة"}
_LONGEST = 160


def read_keyword(body: str) -> str | None:
    """`stop`, `start`, `help` or a language; None where it is nothing we know."""
    words = _bare(body[:_LONGEST]).split()
    if len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    return _BY_WORD.get(words[0]) if len(words) == 1 else None


def _bare(text: str) -> str:
    """Letters in one case, without accents, vowel signs and stretching; all else a blank."""
    parts = unicodedata.normalize("NFKD", text.replace("ـ", "")).upper()
    kept = "".join(c for c in parts if not unicodedata.combining(c))
    return re.sub(r"[^\w]+", " ", kept).strip()


_BY_WORD = {_bare(word): keyword for keyword, words in _WORDS.items() for word in words}
_PREFIXES = {_bare(word) for word in _BEFORE}
