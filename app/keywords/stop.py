"""Reads whether a message says STOP: in any words, and about our messages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.keywords.letters import normalise_word, normalise_words

# Words of politeness, which say nothing.
COURTESIES = """
    SVP STP SALAM SLM BONJOUR BONSOIR BJR MERCI MERSI MRC S IL VOUS TE PLAIT PLEASE PLZ PLS THANKS
    THANK YOU 3AFAK AFAK 3AFAKOM AFAKOM CHOKRAN
    السلام عليكم سلام عافاك عفاك عافاكم شكرا من فضلك فضلكم رجاء الرجاء المرجو ⴰⵣⵓⵍ
"""
# These mean STOP alone or with a courtesy: a longer text may be about a code, or a month's end.
_ENDS = (
    *("ANNULER", "ANNULEZ", "ANNULE", "FIN", "END", "CANCEL", "QUITTER", "LGHI"),
    *("إلغاء", "الإلغاء", "إلغا", "ألغ", "ألغوا", "إنهاء", "إنها"),
    *("MA BGHIT*", "MABGHIT*", "MA BGHIT* HADCHI", "MA BGHIT* WALO", "UR RIGH", "ⵓⵔ ⵔⵉⵖ"),
    *("MA B9IT* BAGHI*", "MAB9IT* BAGHI*", "MA B9IT* BGHIT*", "MAB9IT* BGHIT*"),
    *("JE NE VEUX PAS", "JE VEUX PAS", "JE VEUX PLUS", "I DON T WANT"),
    *(
        "ما بغيت*",
        "مابغيت*",
        "ما بقيت* باغي*",
        "مابقيت* باغي*",
        "لا أريد",
        "لا أرغب",
        "لم أعد أريد",
    ),
)
# What may stand before these.
_OPENINGS = ("ANA", "SAFI", "LA", "NON", "NO", "أنا", "صافي")
# These mean STOP within any sentence. A star stands for any end of the word.
_SAY_STOP = (
    *("STOP", "STOPALL", "UNSUBSCRIBE", "OPTOUT", "OPT OUT", "ARRETEZ", "قف", "أوقفوا", "حبسوا"),
    *("NE PLUS RECEVOIR", "VEUX PLUS RECEVOIR", "NE VEUX PLUS", "NE VOULONS PLUS"),
    *("NE SOUHAITE PLUS", "NE SOUHAITONS PLUS"),
    *("NE PLUS ENVOYER", "NE PLUS M ENVOYER", "NE M ENVOYEZ PLUS", "N ENVOYEZ PLUS", "DESABONNE*"),
    *("PLUS DE MESSAGE*", "PLUS DE SMS", "PLUS DE RAPPEL*", "NO MORE MESSAGE*", "NO MORE SMS"),
    *("ME DESINSCRIRE", "DESINSCRIVEZ MOI", "RETIRER DE LA LISTE", "DE VOTRE LISTE"),
    *("إلغاء اشتراكي", "إلغاء الاشتراك"),
)
# What a sentence with these words is about that unsubscribes nobody: a bus stop, paying.
_OTHER_STOPS = (
    *("BUS STOP", "TAXI STOP", "TRAM STOP", "AUTO STOP", "NON STOP", "FULL STOP", "PIT STOP"),
    *("ONE STOP", "PANNEAU STOP", "AU STOP", "STOP BUS", "STOP AND GO", "STOP OVER"),
)
_BUSINESS = """
    CODE CODES PAIEMENT PAIEMENTS PAYMENT PAY PAYER REGLER COTISER VERSER COTISATION COTISATIONS
    AMO CNSS ASSURANCE MUTUELLE COUVERTURE DROIT DROITS REMBOURSEMENT REMBOURSEMENTS COMPTE PIN
    ESPECES CASH GUICHET AGENCE AGENT CARTE DETTE DETTES RETARD BUS TAXI TRAM ALLER VENIR ATTENDRE
    CHANGER PERDRE UTILISER TRAVAILLER OUBLIER
"""
# Little words between a verb and what it is about.
_LINKS = """
    A AU AUX LE LA LES L DE DU DES D EN PAR AVEC MON MA MES VOTRE VOS CE CET CETTE CES Y THE MY
    JAMAIS RIEN ETRE AVOIR ME M TO
"""
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


def says_stop(clauses: Sequence[Sequence[str]]) -> bool:
    """True if a message says STOP, in whatever words: nobody is held who does not want to be."""
    words = [word for clause in clauses for word in clause]
    sentence = " ".join(words)
    if _END_SAID.fullmatch(" ".join(word for word in words if word not in _COURTESY_WORDS)):
        return True
    if any(_clause_says_stop(" ".join(clause)) for clause in clauses):
        return True
    return bool(_NO_SAID.search(sentence) and _MESSAGES_SAID.search(sentence))


def _clause_says_stop(clause: str) -> bool:
    """True if a clause says STOP, and about messages if about anything."""
    if _STOP_SAID.search(clause) is None:
        return False
    return _MESSAGES_SAID.search(clause) is not None or (
        _STOP_SAID.search(_OTHER_BUSINESS.sub(" ", clause)) is not None
    )


def names_stop(words: Iterable[str]) -> bool:
    """True if STOP is among the words, whatever it is about."""
    return _STOP_SAID.search(" ".join(words)) is not None


def _match_any(phrases: Iterable[str]) -> str:
    """Returns what matches any of the phrases in normalised words."""
    plain = (" ".join(map(normalise_word, phrase.split())) for phrase in phrases)
    return "|".join(re.escape(phrase).replace(r"\*", r"\S*") for phrase in plain)


def _find_any(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{_match_any(phrases)})(?!\S)")


_COURTESY_WORDS = normalise_words(COURTESIES)
_STOP_SAID, _NO_SAID, _MESSAGES_SAID = map(_find_any, (_SAY_STOP, _SAY_NO, _MESSAGES))
_END_SAID = re.compile(rf"(?:(?:{_match_any(_OPENINGS)}) )*(?:{_match_any(_ENDS)})")
# `ne veux plus payer`, `stop au code`: STOP itself needs a little word before its business.
_NAMED = rf"(?:{_match_any(_BUSINESS.split())})(?!\S)"
_LINK = rf"(?:{_match_any(_LINKS.split())}) "
_OTHER_BUSINESS = re.compile(
    rf"(?<!\S)(?:(?:{_match_any(_OTHER_STOPS)})(?!\S)"
    rf"|(?:STOP|ARRETEZ) (?:{_LINK})+{_NAMED}|\S+ PLUS (?:{_LINK})*{_NAMED})"
)
