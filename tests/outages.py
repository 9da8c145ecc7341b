"""The outage screen as tests look at it: the words, without the reference under them."""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"\n[^\n]* \d{6}$")


def without_reference(screen: str) -> str:
    """Returns the screen without its last line. Fails if that is no reference."""
    words, found = _REFERENCE.subn("", screen)
    assert found == 1, screen
    return words
