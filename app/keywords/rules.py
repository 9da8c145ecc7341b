"""Reads the keyword of a message from a phone, in any case and any of the scripts. Pure.

The first words are given by docs/contract.md, SMS callbacks; the others are what people say for
them in French, Arabic, Darija and Tamazight. A language is asked for by its name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

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
# These mean STOP alone or with a courtesy: a longer text may be about a code, or a month's end.
_ENDS = (
    *("ANNULER", "ANNULEZ", "ANNULE", "FIN", "END", "CANCEL", "QUITTER", "LGHI"),
    *("إلغاء", "الإلغاء", "إلغا", "ألغ", "ألغوا", "إنهاء", "إنها"),
)
# These mean STOP within any sentence. A star stands for any end of the word.
_SAY_STOP = (
    *("STOP", "STOPALL", "UNSUBSCRIBE", "OPTOUT", "OPT OUT", "ARRETEZ", "قف", "أوقفوا", "حبسوا"),
    *(
        "NE PLUS RECEVOIR",
        "VEUX PLUS RECEVOIR",
        "NE VEUX PLUS",
        "NE VOULONS PLUS",
        "NE SOUHAITE PLUS",
    ),
    *("NE PLUS ENVOYER", "NE PLUS M ENVOYER", "NE M ENVOYEZ PLUS", "N ENVOYEZ PLUS", "DESABONNE*"),
    *("PLUS DE MESSAGE*", "PLUS DE SMS", "PLUS DE RAPPEL*", "NO MORE MESSAGE*", "NO MORE SMS"),
    *("ME DESINSCRIRE", "DESINSCRIVEZ MOI", "RETIRER DE LA LISTE", "DE VOTRE LISTE"),
    *("إلغاء اشتراكي", "إلغاء الاشتراك"),
)
# These mean it in a sentence about messages: an "arrêt maladie" is none.
_SAY_NO = (
    *(
        "ARRET",
        "ARRETER",
        "STOPPER",
        "STOPPEZ",
        "DESINSCRI*",
        "QUIT",
        "ANNULER",
        "ANNULEZ",
        "CANCEL",
    ),
    *("WAQEF", "WA9EF", "WEQQEF*", "WE99EF*", "WA9FO", "WAQFO", "7BES", "HBES", "7*BSO", "H*BSO"),
    *("MA BGHIT*", "MABGHIT*", "MA B9IT*", "MAB9IT*", "MA TSIFT*", "MATSIFT*", "BLA"),
    *("BARAKA MN", "BARAKA MEN", "UR RIGH", "SRES", "بركا من", "براكا من"),
    *("DO NOT SEND", "DON T SEND", "DON T WANT", "NO LONGER"),
    *(
        "وقف",
        "وقفو",
        "توقف",
        "إيقاف",
        "أوقف",
        "حبس",
        "حبسو",
        "إلغاء",
        "إلغا",
        "كفى",
        "لا أريد",
        "لا أرغب",
    ),
    *(
        "لا ترسل*",
        "لم أعد",
        "عدم",
        "ما بغيت*",
        "مابغيت*",
        "ما بقيت*",
        "مابقيت*",
        "ما تصيفط*",
        "ماتصيفط*",
    ),
    *("ⴱⴷⴷ", "ⵙⴱⴷⴷ", "ⵙⵔⵙ"),
)
_MESSAGES = (
    *("SMS*", "MESSAGE*", "MSG*", "MSAJ*", "MESAJ*", "MESSAJ*", "RAPPEL*", "NOTIFICATION*"),
    *("PUB", "PUBS", "PUBLICITE*", "RECEVOIR", "TADKIR*", "REMINDER*", "TEXT", "TEXTS", "RASA2IL"),
    *("رسائل*", "رسالة", "رسايل*", "ميساج*", "مساج*", "تذكير*", "إشعار*", "تصيفط*"),
    *("ⵜⵓⵣⵉⵏ*", "ⵓⵙⴽⵜⵉ"),
)
_COURTESIES = """
    SVP STP SALAM SLM BONJOUR BONSOIR BJR MERCI MERSI MRC S IL VOUS TE PLAIT PLEASE PLZ PLS THANKS
    THANK YOU 3AFAK AFAK 3AFAKOM AFAKOM CHOKRAN
    السلام عليكم سلام عافاك عفاك عافاكم شكرا من فضلك فضلكم رجاء الرجاء المرجو ⴰⵣⵓⵍ
"""
# Words that may stand around a keyword: politeness, and the subject of the keyword.
_FILLERS = f"""
    {_COURTESIES}
    MON MA MES LE LA LES UN DE D L MY DYALI BGHIT BRIT JE VEUX SMS RAPPEL RAPPELS TADKIR AMO
    LANGUE LOUGHA LANGUAGE
    بغيت لي اللغة ديالي التذكير الرسائل ⵔⵉⵖ ⵉⵏⵓ
"""
_MOST_WORDS = 6
_FEWEST_LETTERS_OF_A_SLIP = 4
_MOST_DOUBLED_LETTERS = 3
# A wrong guess at these keywords does harm, so only slips of the finger are read as them.
_STRICT = {"stop", "start"}
# Digits, and letters that are often written for one another.
_ALIKE = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹ةىیکٱ", "0123456789" * 2 + "هييكا")
_LETTERS = re.compile(r"[^\W_]+")


def read_keyword(body: str) -> str | None:
    """Returns `code`, `status`, `stop`, `start`, `service`, `help` or a language, or None."""
    words = [_drop_article(word) for word in _LETTERS.findall(_normalise(body))]
    if len(words) == 1 and words[0] in _YES_WORDS:
        return "start"
    if _says_stop(words):
        return "stop"
    if len(words) > _MOST_WORDS:
        return None
    keywords = {read_word(word) for word in words if word not in _FILLER_WORDS}
    return keywords.pop() if len(keywords) == 1 else None


def _says_stop(words: list[str]) -> bool:
    """True if a sentence says STOP, in whatever words: nobody is held who does not want to be."""
    asked = [word for word in words if word not in _COURTESY_WORDS]
    if len(asked) == 1 and asked[0] in _END_WORDS:
        return True
    sentence = " ".join(words)
    if _STOP_SAID.search(sentence):
        return True
    return bool(_NO_SAID.search(sentence) and _MESSAGES_SAID.search(sentence))


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


def _normalise(text: str) -> str:
    """Returns capitals without accents, vowel signs and stretching, and ordinary digits."""
    parts = unicodedata.normalize("NFKD", text.replace("ـ", "")).upper()
    return "".join(c for c in parts if not unicodedata.combining(c)).translate(_ALIKE)


def _drop_article(word: str) -> str:
    """Removes the Arabic article, which people write or leave out."""
    has_article = word.startswith("ال") and len(word) > _FEWEST_LETTERS_OF_A_SLIP
    return word[2:] if has_article else word


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


def normalise_word(text: str) -> str:
    """Returns a word as keywords are compared: normalised, without the Arabic article."""
    return _drop_article(_normalise(text))


_KEYWORD_OF = {normalise_word(word): keyword for keyword, words in WORDS.items() for word in words}
_YES_WORDS, _END_WORDS = ({normalise_word(word) for word in words} for words in (_YES, _ENDS))
_COURTESY_WORDS = {normalise_word(word) for word in _COURTESIES.split()}
_FILLER_WORDS = {normalise_word(word) for word in _FILLERS.split()}


def _compile(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Returns what finds any of the phrases in normalised words."""
    plain = (" ".join(map(normalise_word, phrase.split())) for phrase in phrases)
    found = "|".join(re.escape(phrase).replace(r"\*", r"\S*") for phrase in plain)
    return re.compile(rf"(?<!\S)(?:{found})(?!\S)")


_STOP_SAID, _NO_SAID, _MESSAGES_SAID = map(_compile, (_SAY_STOP, _SAY_NO, _MESSAGES))
