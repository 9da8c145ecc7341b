"""Which mobile operator a phone called through, by the code of its network."""

from __future__ import annotations

UNKNOWN, OTHER = "unknown", "other"
# Country 604 is Morocco (ITU-T E.212); the rest of the code is the network.
_OPERATORS = {
    "60400": "orange",
    "60401": "maroc_telecom",
    "60402": "inwi",
    "60405": "inwi",
}


def name_operator(network_code: str) -> str:
    """Returns an operator's name for metrics; `unknown` where the gateway names no network."""
    return _OPERATORS.get(network_code, OTHER) if network_code else UNKNOWN
