"""What looks like a secret in this repository is known to everybody: production refuses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app.base.secrets import find_weakness
from app.settings import DEMO_SECRET, ROOT

_SHORTEST_TOKEN = 24
_LETTERS_AND_DIGITS = re.compile(r"(?<![\w./+-])[A-Za-z0-9_+/-]{24,}={0,2}(?![\w/+-])")
# Letters and digits that no generator of secrets writes: words, parts of addresses, UUIDs.
_WORDS = re.compile(r"[a-z]{5}|[A-Z][a-z]{4}|[A-Z]{5}|/.*/|\w{8}(-\w{4}){3}-\w{12}")
_GIVEN = re.compile(
    r"\b(?:SECRET_KEY|SECRET_KEY_OLD|CALLBACK_TOKENS?|METRICS_TOKEN|TWILIO_AUTH_TOKEN"
    r"|AFRICASTALKING_API_KEY)[=:] ?[\"']?([\w.~+/=-]+)",
    re.IGNORECASE,
)


@cache
def documents() -> dict[str, str]:
    """The text of every file that people copy from, by its path."""
    folders = (ROOT / name for name in (".ci", "deploy", "docs", "examples", "tests"))
    files = [
        *ROOT.glob("*.md"),
        ROOT / "Makefile",
        *(f for each in folders for f in each.rglob("*")),
    ]
    return dict(_read_texts(files))


def _read_texts(files: list[Path]) -> Iterator[tuple[str, str]]:
    for file in files:
        if file.is_file() and file.suffix not in {".png", ".pyc"}:
            yield str(file.relative_to(ROOT)), file.read_text("utf-8")


def list_secret_like(text: str) -> set[str]:
    """Returns the strings of a text that a generator of secrets may have written."""
    return {
        found
        for found in _LETTERS_AND_DIGITS.findall(text)
        if len(re.findall(r"\d", found)) >= 3
        and len(re.findall(r"[A-Za-z]", found)) >= 3
        and not _WORDS.search(found)
    }


def test_production_refuses_every_secret_that_stands_in_the_repository() -> None:
    accepted = {
        f"{path}: {found}"
        for path, text in documents().items()
        for found in list_secret_like(text) | set(_GIVEN.findall(text))
        if find_weakness(found, _SHORTEST_TOKEN) is None
    }
    assert accepted == set()


@pytest.mark.parametrize("shape", ["{}", 'KEY = "{}"', "SECRET_KEY={}", "key: {}\n"])
def test_a_secret_in_a_document_is_found(shape: str) -> None:
    # In two parts, so that it stands in no document.
    secret = "c0d4a9b17e2" + "f58863a1d9be0c7f4"
    text = shape.format(secret)
    assert list_secret_like(text) | set(_GIVEN.findall(text)) == {secret}


def test_secrets_that_stood_here_once_and_the_demo_s_are_refused() -> None:
    published = (
        "9f2c71e0b64ad853" + "f1c07be2936ad84e",
        "5ac1e9027fd84b36" + "c0172e9d",
        DEMO_SECRET,
    )
    for secret in published:
        assert find_weakness(secret * 2, _SHORTEST_TOKEN) in {"a known sample", "a repetition"}
        assert find_weakness(f"x{secret}", _SHORTEST_TOKEN) == "a known sample"
