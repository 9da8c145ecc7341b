"""Reads the keyword of a message from a phone, in any case and any of the scripts. Pure.

The first words are given by docs/contract.md, SMS callbacks; the others are what people say for
them in French, Arabic, Darija and Tamazight. A language is asked for by its name.
"""

from __future__ import annotations

import re
from functools import lru_cache

from app.keywords.letters import (
    join_spelled,
    normalise,
    normalise_word,
    normalise_words,
    split_clauses,
)
from app.keywords.stop import COURTESIES, names_stop, says_stop
from app.text.languages import LANGUAGES, language_of_script

# Each keyword with all the ways to write it.
WORDS = {
    "code": (
        *("CODE", "KOD", "PAYER", "PAIEMENT", "RAMZ", "KHELLES", "KHALLES", "NKHELLES"),
        *("رمز", "الكود", "أداء", "خلص", "نخلص", "ⵜⴰⵏⴳⴰⵍⵜ", "TANGALT", "ⴼⵔⵓ"),
    ),
    "status": (
        *("STATUT", "STATUS", "ETAT", "DROITS", "COMBIEN", "7ALA", "HALA", "7O9O9", "CH7AL"),
        *("CHHAL", "الحالة", "حقوق", "حقوقي", "شحال", "ⵉⵣⵔⴼⴰⵏ", "IZERFAN", "ⴰⴷⴷⴰⴷ", "ⵎⵏⵛⴽ"),
    ),
    "stop": (
        *("STOP", "ARRET", "ARRETER", "ARRETEZ", "UNSUBSCRIBE", "STOPALL", "OPTOUT", "QUIT"),
        *("DESABONNER", "DESABONNEMENT", "DESINSCRIRE", "DESINSCRIPTION", "REVOKE"),
        *("WAQEF", "WA9EF", "WEQQEF", "WE99EF", "7BES", "HBES", "7EBSO", "7BSO", "HEBSO", "HBSO"),
        *("WAQFO", "WA9FO", "WEQFO", "WEQQFO", "أوقف", "كفى"),
        *("قف", "وقف", "وقفو", "توقف", "أوقفوا", "إيقاف", "حبس", "حبسو", "حبسوا"),
        *("ⴱⴷⴷ", "ⵙⴱⴷⴷ", "ⵙⵔⵙ", "BEDD", "SBEDD", "SRES"),
    ),
    "service": ("SERVICE", "PANNE", "SERVIS", "عطل", "خدمة"),
    "start": ("START", "UNSTOP", "REPRENDRE", "ابدأ", "BDA"),
    "help": (
        *("AIDE", "HELP", "INFO", "MOSA3ADA", "MOUSA3ADA", "3AWEN", "3AWNI"),
        *("مساعدة", "عاونوني", "ⵜⵉⵡⵉⵙⵉ", "TIWISI", "ⴰⵡⵙ"),
    ),
    **{code: entry.keywords for code, entry in LANGUAGES.items()},
}
# The letters that tell a script.
_SCRIPTS = {"arabic": re.compile("[\u0620-\u064a]"), "tifinagh": re.compile("[\u2d30-\u2d67]")}
# A yes means START only if it stands alone, since a longer text may answer another question.
_YES = ("OUI", "YES", "IYEH", "نعم", "إيه", "ⵢⴰⵀ", "YAH")
# Words that may stand around a keyword: politeness, and the subject of the keyword.
_FILLERS = f"""
    {COURTESIES}
    MON MA MES LE LA LES UN DE D L MY DYALI BGHIT BRIT JE VEUX SMS RAPPEL RAPPELS TADKIR AMO
    LANGUE LOUGHA LANGUAGE
    بغيت لي اللغة ديالي التذكير الرسائل ⵔⵉⵖ ⵉⵏⵓ
"""
_MOST_WORDS = 6
_FEWEST_LETTERS_OF_A_SLIP = 4
_MOST_DOUBLED_LETTERS = 3
# A wrong guess at these keywords does harm, so only slips of the finger are read as them.
_STRICT = {"stop", "start"}


def read_keyword(body: str) -> str | None:
    """Returns `code`, `status`, `stop`, `start`, `service`, `help` or a language, or None."""
    clauses = split_clauses(join_spelled(normalise(body), _KNOWN_WORDS))
    words = [word for clause in clauses for word in clause]
    if len(words) == 1 and words[0] in _YES_WORDS:
        return "start"
    if says_stop(clauses):
        return "stop"
    if len(words) > _MOST_WORDS:
        return None
    keywords = {read_word(word) for word in words if word not in _FILLER_WORDS}
    keyword = keywords.pop() if len(keywords) == 1 else None
    return None if keyword == "stop" and names_stop(words) else keyword


def read_word(word: str) -> str | None:
    """Returns the keyword of one normalised word: as it is known, else the only possible slip."""
    if word in _KEYWORD_OF:
        return _KEYWORD_OF[word]
    near = [(known, keyword) for known, keyword in _KEYWORD_OF.items() if is_slip(word, known)]
    keywords = {keyword for _, keyword in near}
    if len(keywords) != 1:
        return None
    if keywords & _STRICT and not any(is_finger_slip(word, known) for known, _ in near):
        return None
    return keywords.pop()


def is_slip(word: str, known: str) -> bool:
    """True if `word` may be a slip of `known`: a slip of the finger, or one letter wrong, missing
    or too many.
    """
    if abs(len(word) - len(known)) > _MOST_DOUBLED_LETTERS:
        return False
    long_enough = (
        len(known) >= _FEWEST_LETTERS_OF_A_SLIP and len(word) >= _FEWEST_LETTERS_OF_A_SLIP - 1
    )
    return long_enough and (is_finger_slip(word, known) or _is_one_letter_off(word, known))


def is_finger_slip(word: str, known: str) -> bool:
    """True if the words differ only by doubled letters or by two neighbours swapped."""
    return _drop_doubles(word) == _drop_doubles(known) or _are_swapped(word, known)


def script_language(body: str) -> str | None:
    """Returns the language that the letters suggest, for a phone of which nothing is known."""
    written = (script for script, letters in _SCRIPTS.items() if letters.search(body))
    return next(filter(None, map(language_of_script, written)), None)


@lru_cache(maxsize=512)
def _drop_doubles(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


def _are_swapped(word: str, known: str) -> bool:
    if len(word) != len(known):
        return False
    unequal = [
        at for at, (left, right) in enumerate(zip(word, known, strict=True)) if left != right
    ]
    return (
        len(unequal) == 2
        and unequal[1] == unequal[0] + 1
        and word[unequal[0]] == known[unequal[1]]
        and word[unequal[1]] == known[unequal[0]]
    )


def _is_one_letter_off(word: str, known: str) -> bool:
    """True if the edit distance is at most one."""
    short, long = sorted((word, known), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((at for at, letter in enumerate(short) if letter != long[at]), len(short))
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]


_KEYWORD_OF = {normalise_word(word): keyword for keyword, words in WORDS.items() for word in words}
_YES_WORDS, _FILLER_WORDS = normalise_words(" ".join(_YES)), normalise_words(_FILLERS)
_KNOWN_WORDS = {*_KEYWORD_OF, *_YES_WORDS}
