"""A code pasted at the till with words around it is found; where two may be meant, it is asked."""

from __future__ import annotations

import pytest
from stdnum import damm

from app.payments.errors import SeveralCodes
from app.payments.pasted_codes import LONGEST_TYPED, pick_code


def make_code(body: str) -> str:
    return body + damm.calc_check_digit(body)


CODE, OTHER = make_code("48217305961"), make_code("39000000012")
SHOWN = f"{CODE[:4]} {CODE[4:8]} {CODE[8:]}"
SMS = f"Maalem: 163,52 DH, 1 mois. Code {SHOWN}. A payer avant le 30/11/2026 chez Wafacash. *384#"
ARABIC = SHOWN.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))


@pytest.mark.parametrize(
    "text",
    [
        f"Code: {SHOWN} merci",
        f"Code:{CODE}",
        SMS,
        SMS.replace(" ", "\u00a0").replace("1 mois", "1\nmois"),
        f"الرمز \u2066{ARABIC}\u2069 المبلغ 163.52 درهم",
        f"{CODE[:4]}-{CODE[4:8]}-{CODE[8:]} svp",
        f"code {' '.join(CODE[at : at + 2] for at in range(0, 12, 2))} merci",
        f"tel +212612345678 ou 06 12 34 56 78, code {SHOWN}, 2026-11-30 10:15",
        f"{SHOWN} et encore {CODE}",
    ],
)
def test_code_among_words_is_found(text: str) -> None:
    assert pick_code(text) == CODE


@pytest.mark.parametrize(
    "text",
    [
        SHOWN,
        f" {CODE} ",
        CODE[:-1] + "x",
        f"{SHOWN} 5",
        "RNA/2023-00017",
        f"RNA/{CODE}",
        "bonjour",
        f"code {CODE}7",
        f"montant {CODE},50 DH",
        "",
    ],
)
def test_text_without_words_or_without_a_code_stays(text: str) -> None:
    assert pick_code(text) == text.strip()


def test_two_codes_are_asked_about_and_a_wrong_one_is_none() -> None:
    with pytest.raises(SeveralCodes):
        pick_code(f"codes {SHOWN} et {OTHER}")
    wrong = OTHER[:-1] + str((int(OTHER[-1]) + 1) % 10)
    assert pick_code(f"codes {SHOWN} et {wrong}") == CODE


def test_long_text_is_looked_through_up_to_a_bound() -> None:
    assert pick_code("mot " * 200 + CODE) == CODE
    assert pick_code("mot " * 10_000 + CODE) == ("mot " * 16)[:LONGEST_TYPED]
