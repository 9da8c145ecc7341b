"""Writes how many there are of a thing, for people: `1 line`, `2 lines`."""

from __future__ import annotations


def write_count(count: int, one: str, several: str = "") -> str:
    """Returns the number and its noun; `several` where the plural has more than an s."""
    return f"{count} {one if count == 1 else several or one + 's'}"
