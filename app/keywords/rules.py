"""What a message from a phone asks for, in any case and any of the scripts. Pure.

Contract section 3 has the first words; the others are what people say for them in French, Arabic,
Darija and Tamazight. A language is asked for by its name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What each is understood as, with all the ways to write it.
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
        *("STOP", "ARRET", "ARRETER", "ARRETEZ", "DESABONNER", "UNSUBSCRIBE", "STOPALL"),
        *("WAQEF", "WA9EF", "WEQQEF", "WE99EF", "7BES", "HBES"),
        *("قف", "وقف", "توقف", "حبس", "ⴱⴷⴷ", "ⵙⴱⴷⴷ", "BEDD", "SBEDD"),
    ),
    "start": ("START", "UNSTOP", "REPRENDRE", "ابدأ", "BDA"),
    "help": (
        *("AIDE", "HELP", "INFO", "MOSA3ADA", "MOUSA3ADA", "3AWEN", "3AWNI"),
        *("مساعدة", "عاونوني", "ⵜⵉⵡⵉⵙⵉ", "TIWISI", "ⴰⵡⵙ"),
    ),
    "fr": ("FR", "FRANCAIS", "FRENCH", "FRANCAISE", "الفرنسية"),
    "ar": ("AR", "ARABE", "ARABIC", "ARABIYA", "العربية", "عربي"),
    "ary-Latn": ("DARIJA", "DARIJ", "الدارجة", "MAGHRIBIYA"),
    "zgh": ("TAMAZIGHT", "AMAZIGH", "ZGH", "TAMAZIRT", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "الأمازيغية", "أمازيغي"),
}
# A yes is a START only where nothing else is written: it may answer anybody's question.
_YES = {"start": ("OUI", "YES", "IYEH", "نعم", "ⵢⴰⵀ")}
# Said around a word: politeness, and what the word is about.
_AROUND = """
    SVP STP SALAM SLM BONJOUR BJR MERCI S IL VOUS TE PLAIT PLEASE 3AFAK AFAK 3AFAKOM CHOKRAN
    MON MA MES LE LA LES UN DE D L MY DYALI BGHIT BRIT JE VEUX SMS RAPPEL RAPPELS TADKIR AMO
    LANGUE LOUGHA LANGUAGE
    السلام عليكم سلام عافاك عفاك شكرا بغيت لي من فضلك اللغة ديالي التذكير الرسائل ⵔⵉⵖ ⵉⵏⵓ ⴰⵣⵓⵍ
"""
_LONGEST = 160
_MOST_WORDS = 6
_TYPED_WRONG_FROM = 4
_MOST_DOUBLED = 3
# What a wrong guess would do harm with: only slips of the finger are read as these.
_STRICT = {"stop", "start"}
# Digits, and letters that are written one for the other.
_ALIKE = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹ةىیکٱ", "0123456789" * 2 + "هييكا")
_LETTERS = re.compile(r"[^\W_]+")


def read_keyword(body: str) -> str | None:
    """`code`, `status`, `stop`, `start`, `help` or a language; None where it is nothing we know."""
    words = [_plain(word) for word in _LETTERS.findall(_bare(body[:_LONGEST]))]
    if len(words) == 1 and words[0] in _YES_WORDS:
        return _YES_WORDS[words[0]]
    if words and words[0] == "STOP":
        # It has no other meaning, whatever else is written.
        return "stop"
    asked = [word for word in words if word not in _AROUND_WORDS]
    found = {read_word(word) for word in asked} if len(words) <= _MOST_WORDS else set()
    return found.pop() if len(found) == 1 else None


def read_word(word: str) -> str | None:
    """One bare word: as it is known, else the only one that it may be a slip of."""
    if word in _BY_WORD:
        return _BY_WORD[word]
    near = [(known, keyword) for known, keyword in _BY_WORD.items() if is_slip(word, known)]
    meant = {keyword for _, keyword in near}
    if len(meant) != 1 or (meant & _STRICT and not any(is_finger(word, one) for one, _ in near)):
        return None
    return meant.pop()


def is_slip(word: str, known: str) -> bool:
    """Whether somebody who typed `word` may have meant `known`: a slip of the finger, or one
    letter wrong, missing or too much.
    """
    if abs(len(word) - len(known)) > _MOST_DOUBLED:
        return False
    long_enough = len(known) >= _TYPED_WRONG_FROM and len(word) >= _TYPED_WRONG_FROM - 1
    return long_enough and (is_finger(word, known) or _is_one_letter_off(word, known))


def is_finger(word: str, known: str) -> bool:
    """Letters doubled or not, or two neighbours swapped."""
    return _undoubled(word) == _undoubled(known) or _are_swapped(word, known)


def script_language(body: str) -> str | None:
    """The language that the letters tell, where nothing else is known of a phone."""
    if re.search("[\u0620-\u064a]", body):
        return "ar"
    return "zgh" if re.search("[\u2d30-\u2d67]", body) else None


def _bare(text: str) -> str:
    """Letters in one case, without accents, vowel signs and stretching; ordinary digits."""
    parts = unicodedata.normalize("NFKD", text.replace("ـ", "")).upper()
    return "".join(c for c in parts if not unicodedata.combining(c)).translate(_ALIKE)


def _plain(word: str) -> str:
    """Without the Arabic article, which people write or leave out."""
    return word[2:] if word.startswith("ال") and len(word) > _TYPED_WRONG_FROM else word


@lru_cache(maxsize=512)
def _undoubled(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)


def _are_swapped(word: str, known: str) -> bool:
    if len(word) != len(known):
        return False
    apart = [at for at, (one, other) in enumerate(zip(word, known, strict=True)) if one != other]
    return (
        len(apart) == 2
        and apart[1] == apart[0] + 1
        and word[apart[0]] == known[apart[1]]
        and word[apart[1]] == known[apart[0]]
    )


def _is_one_letter_off(word: str, known: str) -> bool:
    """Edit distance one."""
    short, long = sorted((word, known), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((at for at, letter in enumerate(short) if letter != long[at]), len(short))
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]


def _known(text: str) -> str:
    return _plain(_bare(text))


_BY_WORD = {_known(word): keyword for keyword, words in WORDS.items() for word in words}
_YES_WORDS = {_known(word): keyword for keyword, words in _YES.items() for word in words}
_AROUND_WORDS = {_known(word) for word in _AROUND.split()}
