"""Says in words how two versions of the menus differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from app.text.words import Words
from app.ussd.menu import Menu, Screen


def find_differences(before: Menu, after: Menu) -> Iterator[str]:
    """Yields a line for each difference in structure."""
    for entrance in ("start", "resume", "help", "lock", "proof"):
        old, new = getattr(before, entrance), getattr(after, entrance)
        if old != new:
            yield f"{entrance}: {_write_change(old, new)}"
    yield from _compare_names("screen", before.screens, after.screens)
    for name in before.screens:
        if name in after.screens:
            for difference in _compare_screens(before.screens[name], after.screens[name]):
                yield f"{name}: {difference}"


@dataclass(frozen=True, slots=True)
class WordChange:
    """A sentence that two versions say otherwise; None where one has it not."""

    key: str
    language: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ScreenChanges:
    """The names of screens that only the later version has, only the earlier one, or both apart."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]


def find_screen_changes(before: Menu, after: Menu) -> ScreenChanges:
    """Returns which screens differ; find_differences says how."""
    old, new = before.screens, after.screens
    return ScreenChanges(
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        tuple(name for name in old if name in new and any(_compare_screens(old[name], new[name]))),
    )


def find_word_differences(before: Words, after: Words) -> Iterator[str]:
    """Yields a line for each difference in words, by language and key."""
    yield from _compare_names("language", before.languages, after.languages)
    for one in find_word_changes(before, after):
        yield f"{one.key} [{one.language}]: {_write_change(one.before, one.after)}"


def find_word_changes(before: Words, after: Words) -> Iterator[WordChange]:
    """Yields each sentence that differs, in the languages that both versions have."""
    for language in before.languages:
        if language not in after.languages:
            continue
        old, new = _sentences(before, language), _sentences(after, language)
        for key in dict.fromkeys([*old, *new]):
            if old.get(key) != new.get(key):
                yield WordChange(key, language, old.get(key), new.get(key))


def _compare_names(kind: str, before: Collection[str], after: Collection[str]) -> Iterator[str]:
    yield from (f"{kind} {name} is gone" for name in before if name not in after)
    yield from (f"{kind} {name} is new" for name in after if name not in before)


def _compare_screens(before: Screen, after: Screen) -> Iterator[str]:
    for field, meaning in _FIELDS.items():
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield f"{meaning} {_write_change(old, new)}"
    yield from _compare_ways("choice", _choices(before), _choices(after))
    yield from _compare_ways("outcome", before.outcomes or {}, after.outcomes or {})


_FIELDS = {
    "kind": "its kind was",
    "uses": "what it runs or reads was",
    "source": "its values came from",
    "keep": "the answer was kept as",
    "target": "it led to",
    "says": "it said",
    "home": "home was",
    "clears_history": "clears_history was",
    "private": "private was",
    "proven": "proven was",
    "answer": "answer was",
    "stops_chain": "stops_chain was",
}


def _choices(screen: Screen) -> dict[str, str]:
    return {
        choice.digit: choice.target + (f" when {choice.guard}" if choice.guard else "")
        for choice in screen.choices
    }


def _compare_ways(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is None:
            yield f"{kind} {name} is new and leads to {new}"
        elif new is None:
            yield f"{kind} {name} is gone (led to {old})"
        elif old != new:
            yield f"{kind} {name} led to {old}, now to {new}"


def _write_change(old: object, new: object) -> str:
    return f"{_quote(old)}, now {_quote(new)}"


def _quote(value: object) -> str:
    if isinstance(value, tuple):
        value = ", ".join(value)
    return f'"{value}"' if value not in (None, "") else "nothing"


def _sentences(words: Words, language: str) -> dict[str, str]:
    return {
        key: " / ".join(words.forms(language, key)).replace("\n", " | ")
        for key in sorted(words.keys(language))
    }
