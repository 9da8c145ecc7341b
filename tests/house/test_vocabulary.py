"""docs/vocabulary.md: every class and table is a term of the trade or plainly ordinary."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from app.migrating import load_models
from app.settings import ROOT
from tests.house.source import classes


@cache
def page() -> tuple[str, str]:
    """The terms, and the ordinary words."""
    text = (ROOT / "docs/vocabulary.md").read_text("utf-8")
    terms, _, ordinary = text.partition("## Ordinary words")
    assert terms and ordinary, "docs/vocabulary.md has both parts"
    return terms, ordinary


def named() -> set[str]:
    """Every name of the code or the database in the tables of terms."""
    rows = [line for line in page()[0].splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def words_of(name: str) -> list[str]:
    """`NewAgent` gives New and Agent."""
    return re.findall(r"[A-Z][a-z0-9]*", name)


def known_words() -> set[str]:
    ordinary = set(re.findall(r"\b[A-Z][a-z]+\b", page()[1].partition(":")[2]))
    return ordinary | {word for name in named() for word in words_of(name)}


def test_every_class_is_a_term_or_made_of_known_words() -> None:
    known = known_words()
    strange = [
        f"{path}: {node.name}"
        for path, node in classes()
        if node.name not in named() and not set(words_of(node.name)) <= known
    ]
    assert strange == []


def test_every_table_stands_on_the_page() -> None:
    assert set(load_models().tables) - named() == set()


def test_no_two_classes_share_a_name() -> None:
    counts = Counter(node.name for _, node in classes())
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_term_is_named_that_the_program_does_not_have() -> None:
    names = {node.name for _, node in classes()} | set(load_models().tables)
    assert named() - names == set()


def test_a_word_that_nobody_knows_is_found() -> None:
    assert not set(words_of("TakerOfDough")) <= known_words()
