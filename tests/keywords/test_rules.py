"""Keywords as people write them, in four languages and three scripts, well or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.keywords.letters import normalise_word
from app.keywords.rules import WORDS, is_slip, read_keyword, script_language

EVERY_WORD = [(word, keyword) for keyword, words in WORDS.items() for word in words]
WRITTEN = [
    ("CODE", "code"),
    ("code svp", "code"),
    ("Code, stp !", "code"),
    ("mon code s'il vous plaît", "code"),
    ("CDOE", "code"),
    ("codde", "code"),
    ("cod", "code"),
    ("Kode", "code"),
    ("salam bghit code 3afak", "code"),
    ("رَمْز", "code"),
    ("الرمز من فضلك", "code"),
    ("khelles", "code"),
    ("ⵜⴰⵏⴳⴰⵍⵜ", "code"),
    ("ⵔⵉⵖ ⵜⴰⵏⴳⴰⵍⵜ", "code"),
    ("statut", "status"),
    ("Status?", "status"),
    ("statu", "status"),
    ("sttaut", "status"),
    ("الحالة", "status"),
    ("الحاله", "status"),
    ("حالة", "status"),
    ("ch7al", "status"),
    ("ch\u0667al", "status"),
    ("ⵉⵣⵔⴼⴰⵏ", "status"),
    ("stop", "stop"),
    ("STOP!!!", "stop"),
    ("Ｓｔｏｐ", "stop"),
    ("stpo", "stop"),
    ("stopp", "stop"),
    ("stop sms", "stop"),
    ("STOP, je ne veux plus rien recevoir", "stop"),
    ("Arrêt", "stop"),
    ("aret", "stop"),
    ("arretez", "stop"),
    ("قف", "stop"),
    ("قِــف", "stop"),
    ("waqef", "stop"),
    ("7bes", "stop"),
    ("ⴱⴷⴷ", "stop"),
    ("START", "start"),
    ("sart", None),
    ("satrt", "start"),
    ("oui", "start"),
    ("OUI.", "start"),
    ("iyeh", "start"),
    ("نعم", "start"),
    ("ⵢⴰⵀ", "start"),
    ("Yah", "start"),
    ("إيه", "start"),
    ("ايه عافاك", None),
    ("AIDE", "help"),
    ("aider", "help"),
    ("help me", None),
    ("مساعدة", "help"),
    ("ⵜⵉⵡⵉⵙⵉ", "help"),
    ("francais", "fr"),
    ("Français", "fr"),
    ("langue: arabe", "ar"),
    ("عَرَبِيَّة", "ar"),
    ("Darija", "ary-Latn"),
    ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "zgh"),
    ("الدارجة", "ary-Arab"),
    ("دارجة عافاك", "ary-Arab"),
    ("Tachelhit", "zgh-Latn"),
]
NO_KEYWORD = [
    "",
    "  ",
    "?",
    "12345",
    "🛑",
    "arabe darija",
    "stopper",
    "Bonjour",
    "merci",
]
# Words that begin, end or look like STOP and START, and are not.
NO_KEYWORD += [
    "top",
    "shop",
    "step",
    "star",
    "smart",
    "tarte",
    "spot",
    "oui merci",
    "oui le code est 1",
]
NO_KEYWORD += ["Arrêt maladie", "non", "لا", "Maalem: code 4821 7305 9614, 163,52 DH", "x" * 5000]


# Who says STOP, in any words, and who only uses one of them.
STOPS = [
    *("svp stop merci", "code stop", "Bonjour, STOP les sms", "StOp.", "«STOP»"),
    *("ANNULER", "annuler svp", "Annuler, merci !", "FIN", "fin merci", "END", "cancel please"),
    *("QUIT", "desinscription", "Désinscription SVP", "je souhaite la désinscription des sms"),
    *("Je ne veux plus recevoir vos messages", "merci de ne plus recevoir de sms de votre part"),
    *("je ne veux plus de rappels", "Ne m'envoyez plus rien", "plus de messages svp", "opt-out"),
    *("je voudrais arrêter les rappels chaque mois", "ARRETEZ de me deranger tous les jours"),
    *("bonjour waqef 3lia had les messages 3afak", "7ebso had les msg 3lia", "hebso les sms"),
    *("ma bghitch les messages dyalkom", "mabghitch had sms", "please do not send me messages"),
    *("إيقاف", "ايقاف", "الإيقاف", "إِيقَاف", "إلغاء", "الغاء", "الغا", "الإلغاء من فضلك", "حبسو"),
    *("قِفْ", "قف من فضلك", "المرجو قف", "أريد إيقاف الرسائل", "اريد ايقاف هذه الرسائل لو سمحتم"),
    *(
        "لا أريد هذه الرسائل",
        "لا اريد الرسايل ديالكم",
        "ما بغيتش هاد الميساجات",
        "حبسو هاد الرسائل",
    ),
    *("x " * 400 + "STOP", "ⴱⴷⴷ"),
    *("أوقف", "كفى", "بركا من الميساجات", "أريد إلغاء الاشتراك", "إلغاء اشتراكي من فضلك"),
    *("waqfo", "wa9fo 3afak", "safi baraka mn les sms", "Sres", "ur righ SMS"),
    *("Je souhaite me désinscrire", "merci de me retirer de la liste"),
    *("S.T.O.P", "s t o p", "S-T-O-P svp", "ق.ف", "q u i t", "STOP. Mon code est 4821"),
    *("ma bghitch", "mabghitch 3afak", "safi, ma bghitch", "ma b9itch baghi", "Ma bghit walo"),
    *("ما بغيتش", "لا أريد", "ur righ", "je ne veux plus", "Non, je ne veux pas"),
    *("je ne veux plus de vos SMS", "je ne veux plus rien", "je ne veux plus être contacté"),
    *("je ne veux plus de ce service", "je ne veux plus de code par sms", "stop au code par sms"),
    *("je ne veux plus payer. STOP", "bus stop, et STOP les rappels"),
]
NO_STOPS = [
    *(
        "annuler mon code",
        "Annuler le code 4821",
        "la fin du mois",
        "the end of my month",
        "fin 2026",
    ),
    *("je veux annuler le paiement", "cancel my code please", "to the end", "arret maladie"),
    *("Arrêt de travail", "je veux plus d'informations", "bonjour fin du code", "إلغاء الرمز"),
    *(
        "نهاية الشهر",
        "ana waqef f la wikala",
        "le bus stopper",
        "لا أريد الأداء اليوم",
        "oui merci",
    ),
    *("quitter la CNSS", "contrat de fin", "weekend", "stopwatch"),
    *("baraka lahou fik 3la had message", "je n'ai pas de sms", "إلغاء الاشتراكات"),
    *("je ne veux plus payer en especes", "Je ne veux plus rien payer", "ne veux plus du code"),
    *("je ne veux plus aller à l'agence", "nous ne voulons plus cotiser", "je veux plus de droits"),
    *("bus stop", "le bus stop est loin", "non-stop", "au stop", "auto-stop"),
    *("stop au code", "stop le code", "STOP à mon paiement", "stop mon amo", "arretez le paiement"),
    *("ma bghitch nkhelles", "mabghitch l-code", "ma bghitch nmchi l wikala", "ما بغيتش نخلص"),
    *("je ne veux pas payer", "لا أريد الأداء", "s.t.a.t.u.t"),
]


@pytest.mark.parametrize("written", STOPS)
def test_read_keyword_reads_stop_in_any_words(written: str) -> None:
    for each in (written, written.lower(), written.upper(), f" {written}!!", f"«{written}» ..."):
        assert read_keyword(each) == "stop"


@pytest.mark.parametrize("written", NO_STOPS)
def test_read_keyword_unsubscribes_nobody_who_speaks_of_something_else(written: str) -> None:
    assert read_keyword(written) != "stop"


@pytest.mark.parametrize(
    "written", ["SERVICE", "panne ?", "la panne", "Service svp", "العطل", "عطل"]
)
def test_read_keyword_reads_service(written: str) -> None:
    assert read_keyword(written) == "service"


@pytest.mark.parametrize(("written", "keyword"), WRITTEN)
def test_read_keyword_understands(written: str, keyword: str | None) -> None:
    assert read_keyword(written) == keyword


@pytest.mark.parametrize("written", NO_KEYWORD)
def test_read_keyword_returns_none_for_anything_else(written: str) -> None:
    assert read_keyword(written) is None


@pytest.mark.parametrize(("word", "keyword"), EVERY_WORD)
def test_read_keyword_knows_every_word_in_any_case(word: str, keyword: str) -> None:
    for written in (word, word.lower(), word.title(), f" {word}. ", f"«{word}»"):
        assert read_keyword(written) == keyword


def test_is_slip_never_holds_between_two_keywords() -> None:
    for word, keyword in EVERY_WORD:
        for other, other_keyword in EVERY_WORD:
            assert keyword == other_keyword or not is_slip(
                normalise_word(word), normalise_word(other)
            ), (word, other)


# The letters of the words themselves: only they can make one word of another.
LETTERS = sorted({letter for word, _ in EVERY_WORD for letter in normalise_word(word)})


def slips(word: str) -> set[str]:
    """Every word that is one wrong, missing, added or swapped letter of its script away."""
    changed = set()
    script = script_language(word)
    letters = [letter for letter in LETTERS if script_language(letter) == script]
    for at in range(len(word)):
        changed |= {
            word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
            word[:at] + word[at + 1 :],
        }
        changed |= {word[:at] + letter + word[at + 1 :] for letter in letters}
        changed |= {word[:at] + letter + word[at:] for letter in letters}
    return changed


@pytest.mark.parametrize(("word", "keyword"), EVERY_WORD)
def test_read_keyword_never_reads_a_slip_as_another_keyword(word: str, keyword: str) -> None:
    """Returns the intended keyword or None; a slip that makes another known word is that word."""
    words = {normalise_word(known) for known, _ in EVERY_WORD}
    for slip in slips(word):
        assert read_keyword(slip) in {keyword, None} or normalise_word(slip) in words, slip


def test_read_keyword_reads_no_wrong_letter_as_stop_or_start() -> None:
    for written in ("STAP", "STO", "TOP", "ESTOP", "SMART", "STAR", "STAT", "ARRETA", "UNSTIP"):
        assert read_keyword(written) is None


@given(st.text())
def test_read_keyword_accepts_any_text(written: str) -> None:
    assert read_keyword(written) in {None, *WORDS}


def test_script_language_follows_the_letters() -> None:
    assert script_language("سلام") == "ar"
    assert script_language("ⴰⵣⵓⵍ") == "zgh"
    assert script_language("Salut 123") is None
