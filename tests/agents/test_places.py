"""The name of a place on receipts: as people know it, in letters and a length every SMS has."""

from __future__ import annotations

import pytest

from app.agents.places import LONGEST_PLACE, name_place
from app.enrolment.rules import name_on_receipt
from app.text.encoding import GSM7, encoding_of


@pytest.mark.parametrize(
    ("network", "agency", "town", "shown"),
    [
        ("Wafacash", "Wafacash Rabat Agdal", "rabat", "Wafacash Agdal"),
        ("Wafacash", "Agdal", "rabat", "Wafacash Agdal"),
        ("Wafacash", "Wafacash Essaouira", "essaouira", "Wafacash Essaouira"),
        ("Wafacash", "Wafacash Casa Derb Omar", "casablanca", "Wafacash Derb Omar"),
        ("Attijariwafa bank", "Agdal", "rabat", "Attijariwafa bank Agdal"),
        ("Wafacash", "Quartier Hay Mohammadi Nord", "rabat", "Wafacash Quartier Hay"),
        ("Attijariwafa bank", "Hay Riad", None, "Attijariwafa bank Hay"),
        ("Wafacash", "Sidi Bennoûr", "sidi-bennour", "Wafacash Sidi Bennour"),
        ("Wafacash", "وكالة أكدال", "rabat", "Wafacash Rabat"),
        ("Wafacash", None, None, "Wafacash"),
    ],
)
def test_name_place_says_network_and_agency(
    network: str, agency: str | None, town: str | None, shown: str
) -> None:
    assert name_place(network, agency, town) == shown
    assert len(shown) <= LONGEST_PLACE and encoding_of(shown) == GSM7


@pytest.mark.parametrize(
    ("full_name", "shown"),
    [
        ("Fatima Zahra", "FATIMA Z."),
        ("Abdelmouttalib-Amine Benjelloun", "ABDELMOUTT B."),
        ("Aïcha", "AICHA"),
        ("Zoé Ben Saïd", "ZOE S."),
        ("Muhammadabdurrahmanou", "MUHAMMADABDUR"),
        ("فاطمة الزهراء", "فاطمة ا."),
    ],
)
def test_name_on_receipt_is_masked_and_short(full_name: str, shown: str) -> None:
    assert name_on_receipt(full_name) == shown
