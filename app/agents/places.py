"""The name by which people know a place that takes cash: `Wafacash Agdal`. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from app.agents.rules import shown_name
from app.agents.towns import towns
from app.text.encoding import GSM7, encoding_of

# The room that a message has for it (menus/samples.yaml).
LONGEST_PLACE = 23
_SHORTEST_CUT = 17


# Cached, because the same agencies stand in most messages of a day.
@lru_cache(maxsize=4096)
def name_place(network_name: str, agency_name: str | None, town_code: str | None) -> str:
    """Returns at most 23 letters of GSM-7: the network, and the agency's name without its town's.

    The network alone where no agency is known; the town where the agency's name has other letters.
    """
    if not agency_name:
        return network_name
    town = towns().get(town_code or "")
    plain = _to_plain_letters(agency_name)
    if encoding_of(plain) != GSM7:
        plain = _to_plain_letters(town.latin) if town else ""
    names = [_to_plain_letters(name) for name in town.names] if town else []
    return _shorten(f"{network_name} {shown_name(plain, network_name, *names)}".strip())


def _to_plain_letters(name: str) -> str:
    """Returns a name with no other marks than those of GSM-7."""
    return "".join(
        letter if encoding_of(letter) == GSM7 else _drop_marks(letter) for letter in name
    )


def _drop_marks(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _shorten(place: str) -> str:
    """Returns the place cut between words, or within one that would be lost whole."""
    if len(place) <= LONGEST_PLACE:
        return place
    whole_words = place[: LONGEST_PLACE + 1].rpartition(" ")[0]
    return whole_words if len(whole_words) > _SHORTEST_CUT else place[:LONGEST_PLACE].strip()
