"""A network's reference has one alphabet, whichever door it comes in by (contract section 4)."""

from __future__ import annotations

import pytest

from app.base.errors import InvalidInput
from app.base.reference import read_reference


@pytest.mark.parametrize(
    "text",
    ["W-1", "1", "a/b//c", "/", "W 1,\"2\"", "%2F", "..", "TOTAL", "=1+1", "مرجع", "é" * 128, "💶"],
)  # fmt: skip
def test_read_reference_returns_a_visible_reference_as_it_is(text: str) -> None:
    assert read_reference(text) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", " W", "W ", "W\u00a0", "W\t1", "W\n", "a\0b", "W\u200b1", "\ufeffW", "x" * 129],
)  # fmt: skip
def test_read_reference_refuses_what_is_not_visible_or_too_long(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_reference(text)
