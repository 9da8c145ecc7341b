"""CONTRIBUTING.md, Prose: a name is a verb and its object, a docstring opens with a subject."""

from __future__ import annotations

import ast
import re

from tests.house.source import definitions, functions, modules

# Participles without -ed, which a name must not be alone.
_IRREGULAR = """
    told made chosen written taken shown given found sent said kept read known begun done gone seen
    spoken drawn held built put left met paid bound worn torn split set cut turned
"""
# Verbs and nouns that only look like participles.
_NO_PARTICIPLES = "need speed feed seed bed red read set split cut put left"
# A sentence that opens so has no subject, or a pronoun for one.
_OPENINGS = """
    what whether who whom whose whoever of by those that this these it its they which where when how
    from with for to at in on none nothing nobody one as also too there no not such both either same
"""
IRREGULAR = frozenset(_IRREGULAR.split())
NOT_PARTICIPLES = frozenset(_NO_PARTICIPLES.split())
OPENINGS = frozenset(_OPENINGS.split())


def is_bare_participle(name: str) -> bool:
    match = re.fullmatch(r"_([a-z]+)", name)
    if not match or match[1] in NOT_PARTICIPLES:
        return False
    return match[1] in IRREGULAR or (match[1].endswith("ed") and len(match[1]) > 4)


def opening_word(docstring: str) -> str:
    match = re.match(r"[A-Za-z]+", docstring)
    return match[0].lower() if match else ""


def test_rules_find_what_they_forbid() -> None:
    assert is_bare_participle("_told")
    assert is_bare_participle("_expired")
    assert not is_bare_participle("_told_caller")
    assert not is_bare_participle("_read")
    assert opening_word("Whether it is new.") in OPENINGS
    assert opening_word("Returns the code.") not in OPENINGS


def test_no_private_function_is_named_by_a_bare_participle() -> None:
    wrong = [f"{path}: {node.name}" for path, node in functions() if is_bare_participle(node.name)]
    assert wrong == []


def test_no_docstring_opens_with_a_pronoun_or_particle() -> None:
    texts = [
        (f"{path}: {node.name}", ast.get_docstring(node) or "") for path, node in definitions()
    ]
    wrong = [f"{place}: {text[:60]}" for place, text in texts if opening_word(text) in OPENINGS]
    assert wrong == []


def test_no_line_points_to_a_page_outside_the_repository() -> None:
    outside = re.compile(r"\b(domain|design|words|office|scale|peers)\.md|contract section|shared/")
    wrong = [
        f"{path}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if outside.search(line)
    ]
    assert wrong == []
