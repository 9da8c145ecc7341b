"""Says in words what changed between two versions of the menus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.text.words import Words, forms_of
from app.ussd.menu import Menu, Screen


def differences(before: Menu, after: Menu) -> Iterator[str]:
    """What changed of the structure, a line each; nothing when nothing did."""
    for place in ("start", "resume", "help", "lock"):
        old, new = getattr(before, place), getattr(after, place)
        if old != new:
            yield f"{place}: {_changed(old, new)}"
    yield from _came_and_went("screen", before.screens, after.screens)
    for name in before.screens:
        if name in after.screens:
            for what in _screen_changes(before.screens[name], after.screens[name]):
                yield f"{name}: {what}"


def word_differences(before: Words, after: Words) -> Iterator[str]:
    """What changed of the words, by language and key."""
    yield from _came_and_went("language", before.catalogs, after.catalogs)
    for language in before.languages:
        if language not in after.languages:
            continue
        old, new = _sentences(before, language), _sentences(after, language)
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield f"{key} [{language}]: {_changed(old.get(key), new.get(key))}"


def _came_and_went(
    kind: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[str]:
    yield from (f"{kind} {name} is gone" for name in before if name not in after)
    yield from (f"{kind} {name} is new" for name in after if name not in before)


def _screen_changes(before: Screen, after: Screen) -> Iterator[str]:
    for field, meaning in _MEANINGS.items():
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield f"{meaning} {_changed(old, new)}"
    yield from _way_changes("choice", _choices(before), _choices(after))
    yield from _way_changes("outcome", before.outcomes or {}, after.outcomes or {})


_MEANINGS = {
    "kind": "its kind was",
    "uses": "what it runs or reads was",
    "source": "its values came from",
    "keep": "the answer was kept as",
    "target": "it led to",
    "home": "home was",
    "clears_history": "clears_history was",
    "private": "private was",
    "answer": "answer was",
}


def _choices(screen: Screen) -> dict[str, str]:
    return {
        choice.digit: choice.target + (f" when {choice.guard}" if choice.guard else "")
        for choice in screen.choices
    }


def _way_changes(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is None:
            yield f"{kind} {name} is new and leads to {new}"
        elif new is None:
            yield f"{kind} {name} is gone (led to {old})"
        elif old != new:
            yield f"{kind} {name} led to {old}, now to {new}"


def _changed(old: object, new: object) -> str:
    return f"{_quoted(old)}, now {_quoted(new)}"


def _quoted(value: object) -> str:
    return f'"{value}"' if value not in (None, "") else "nothing"


def _sentences(words: Words, language: str) -> dict[str, str]:
    catalog = words.catalogs[language]
    return {
        key: " / ".join(forms_of(catalog[key])).replace("\n", " | ")
        for key in sorted(words.keys(language))
    }
