"""Says where each sentence is seen: for translators, who see its key alone in a `.po` file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.text.words import Words
from app.ussd.checker.catalogue import keys_of
from app.ussd.checker.declarations import Declarations
from app.ussd.menu import Menu, Screen
from app.ussd.screen import choice_key

# The sentences of the engine itself.
_OF_THE_ENGINE = {
    "footer.back": "at the foot of screens, key 0",
    "footer.home": "at the foot of screens, key 00",
    "footer.more": "at the foot of screens that go on, key 9",
    "wrong.choice": "above any screen, after a key that is no choice there",
    "changed": "above the main menu, when what was shown is no longer so",
    "away": "instead of any screen, when the service is down",
    "away.short": "instead of any screen, when the service is down, beside another language",
    "away.since": "instead of any screen, when it is known since when the service is down",
    "away.reference": "under the words that the service is down",
    "deferred": "instead of an answer that takes too long",
}


@dataclass(frozen=True, slots=True)
class Places:
    """The places of all sentences of a menu, its messages and pages."""

    menu: Menu
    words: Words
    declared: Declarations

    def describe_all(self) -> dict[str, list[str]]:
        """Returns the places of each key, in words."""
        places: dict[str, list[str]] = {}
        for key, place in self._list_all():
            lines = places.setdefault(key, [])
            if place not in lines:
                lines.append(place)
        return places

    def _list_all(self) -> Iterator[tuple[str, str]]:
        yield from _OF_THE_ENGINE.items()
        paths = find_paths(self.menu)
        for screen in self.menu.screens.values():
            yield from _list_places_of_screen(self.menu, screen, paths)
        yield from ((key, "an SMS") for key in self.declared.messages)
        yield from ((key, _describe_page(key)) for key in self.declared.pages)
        for part, key, name in self.list_parts():
            yield part, f"in {key}, as {{{name}}}"
        yield from self._list_nouns()

    def list_parts(self) -> Iterator[tuple[str, str, str]]:
        """Yields each sentence that stands in another: its key, the key of that, the value."""
        for key, names in self._names_by_key().items():
            for name in sorted(names):
                for part in self.declared.samples.sentences(name):
                    yield part, key, name

    def _list_nouns(self) -> Iterator[tuple[str, str]]:
        language = self.words.languages[0]
        for key in self._names_by_key():
            for noun in sorted(self.words.noun_names(language, key)):
                yield noun, f"a count, in {key}"

    def _names_by_key(self) -> dict[str, frozenset[str]]:
        """Returns the names of the values of each sentence that is no noun."""
        language = self.words.languages[0]
        keys = sorted(self.words.keys(language))
        return {
            key: self.words.value_names(language, key)
            for key in keys
            if not self.words.is_noun(language, key)
        }


def find_paths(menu: Menu) -> dict[str, str]:
    """Returns the shortest way of keys from dialling to each screen, such as `2*1`.

    `<...>` stands for something typed. A screen that only happens on its own has no way.
    """
    paths = {menu.start: ""}
    waiting = [menu.start]
    while waiting:
        screen = menu.screens[waiting.pop(0)]
        steps = [(screen.kind == "do", target, "") for target in (screen.outcomes or {}).values()]
        steps += [(False, choice.target, choice.digit) for choice in screen.choices]
        if screen.target:
            steps.append((False, screen.target, "1" if screen.kind == "list" else "<...>"))
        for at_once, target, key in steps:
            if target in menu.screens and target not in paths:
                paths[target] = "*".join(filter(None, (paths[screen.name], key)))
                waiting.insert(0, target) if at_once else waiting.append(target)
    return paths


def describe_way(name: str, paths: Mapping[str, str]) -> str:
    """Returns how a screen is reached, in words."""
    if name not in paths:
        return "met on other ways"
    return f"dial {paths[name]}" if paths[name] else "the first screen"


def _list_places_of_screen(
    menu: Menu, screen: Screen, paths: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    name, way = screen.name, describe_way(screen.name, paths)
    for choice in screen.choices:
        if screen.kind == "confirm":
            yield choice_key(screen, choice.digit), "the answers to a question"
        else:
            leads = f"key {choice.digit}, leads to {_find_next(menu, choice.target)}"
            yield choice_key(screen, choice.digit), f"{name} ({way}), {leads}"
    for key in keys_of(screen) | ({name} if screen.kind != "do" else set()):
        if key == name:
            yield key, f"{name} ({way})"
        elif key == f"{name}.row":
            yield key, f"{name} ({way}), each row"
        elif key == f"wrong.{screen.uses}":
            yield key, f"above {name} ({way}), after a wrong input"
        elif key in screen.says:
            yield key, f"said by {name} ({way})"


def _find_next(menu: Menu, target: str) -> str:
    """Returns the screen that is shown next, by the first outcome of each action on the way."""
    while target in menu.screens and (outcomes := menu.screens[target].outcomes):
        target = next(iter(outcomes.values()))
    return target


def _describe_page(key: str) -> str:
    return "a refusal on pages" if key.startswith("error.") else "a page"
