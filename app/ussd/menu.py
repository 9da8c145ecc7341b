"""Reads menus/*.yaml into screens. Structure only: a closed vocabulary, no expressions.

    screen_name: {menu: {1: target, 2: {to: target, when: guard}}, values: source}
    screen_name: {list: rows, keep: name, to: target}
    screen_name: {input: check, keep: name, to: target}      (secret: the same, never recorded)
    screen_name: {show: source}                              (show: none where words need no value)
    screen_name: {confirm: source, yes: target, no: target}
    screen_name: {do: action, outcomes: {outcome: target}}
    screen_name: {end: source}

A `do` or a `list` may have `says`: the key of a sentence, or a list of keys. The action or the rows
use these sentences, so that a topic that is added is words and a line of the menu.

`home: true` marks the screen that 00 leads to. `clears_history: true` makes 0 lead home, for the
screens before it are done with. `begins: true` marks a list that is worth coming back to if the
line breaks there or behind it. `private: true` asks for the PIN first, if the caller has set one.
`answer: true` marks a menu or list that gives what the caller came for. `stops_chain: true` marks a
screen that is to be read: inputs dialled ahead of it were meant for another. Two targets are no
screens: `back` is the screen shown before this one, `onward` the screen a dialogue was going to
when it broke off or met the PIN. Beside `start` a menu may name `resume` (the offer to go on with a
broken dialogue), `help` (after too many wrong inputs), `lock` (the question for the PIN) and
`proof` (how a phone is proven to be the person's).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from app.base.errors import MaalemError

# Each kind of screen, with the fields it needs and those it may have.
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "menu": (set(), {"values"}),
    "list": ({"keep", "to"}, {"values", "says"}),
    "input": ({"keep", "to"}, {"values"}),
    "secret": ({"keep", "to"}, {"values"}),
    "show": (set(), set()),
    "confirm": ({"yes", "no"}, set()),
    "do": ({"outcomes"}, {"says"}),
    "end": (set(), set()),
}
NO_VALUES = "none"
# Targets that are no screens: the screen before, and the screen a dialogue was going to.
BACK, ONWARD = "back", "onward"
# A screen shows five choices; the sixth and later ones stand behind 9.
_DIGITS = frozenset("12345678")
MARKS = ("home", "clears_history", "private", "proven", "answer", "stops_chain", "begins")
_ENTRANCES = ("start", "resume", "help", "lock", "proof")


class BrokenMenu(MaalemError):
    """The menu files cannot be read; `screen` and `why` say where."""

    code = "broken_menu"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a screen (or key) in a language (`-` for all)."""

    screen: str
    language: str
    why: str

    def __str__(self) -> str:
        return f"{self.screen} [{self.language}]: {self.why}"


@dataclass(frozen=True, slots=True)
class Choice:
    digit: str
    target: str
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen of a menu. `name` is also the key of its words.

    `uses` is the action, check or rows that its kind names; `keep` is the answer it stores.
    """

    name: str
    kind: str
    uses: str | None = None
    source: str | None = None
    choices: tuple[Choice, ...] = ()
    outcomes: Mapping[str, str] | None = None
    keep: str = ""
    target: str = ""
    says: tuple[str, ...] = ()
    clears_history: bool = False
    home: bool = False
    private: bool = False
    proven: bool = False
    answer: bool = False
    stops_chain: bool = False
    begins: bool = False

    @property
    def takes_input(self) -> bool:
        """True if something is typed there that is no digit of a choice."""
        return self.kind in {"input", "secret"}

    @property
    def is_begun(self) -> bool:
        """True if whoever stands there, or has come further, has begun something."""
        return self.begins or self.kind == "confirm"

    @property
    def is_answer(self) -> bool:
        """True if the caller may hang up here with what they came for."""
        return self.answer or self.kind in {"show", "end"}

    @property
    def all_targets(self) -> list[str]:
        """The targets as they are written, with `back` and `onward`."""
        targets = [choice.target for choice in self.choices]
        targets += (self.outcomes or {}).values()
        return [*targets, self.target] if self.target else targets

    @property
    def targets(self) -> list[str]:
        """The screens one step further."""
        return [target for target in self.all_targets if target not in {BACK, ONWARD}]


@dataclass(frozen=True, slots=True)
class Menu:
    """The screens by name, and those that the engine itself leads to."""

    start: str
    screens: Mapping[str, Screen]
    resume: str = ""
    help: str = ""
    lock: str = ""
    proof: str = ""

    @property
    def says(self) -> list[str]:
        """The keys of the sentences that its actions and lists say, each once."""
        keys = (key for screen in self.screens.values() for key in screen.says)
        return list(dict.fromkeys(keys))

    @property
    def offer(self) -> str:
        """The screen that offers to go on with a broken dialogue; empty if there is none."""
        if not self.resume:
            return ""
        named = [self.resume, *self.screens[self.resume].targets]
        offers = (name for name in named if ONWARD in self.screens[name].all_targets)
        return next(offers, "")

    @property
    def answers(self) -> list[str]:
        """The screens that give what a caller came for."""
        return [screen.name for screen in self.screens.values() if screen.is_answer]

    @property
    def entrances(self) -> list[str]:
        """The screens that a dialogue may enter without a choice of the caller."""
        names = (self.start, self.resume, self.help, self.lock, self.proof)
        return [name for name in names if name]


class _StrictLoader(yaml.CBaseLoader):
    """Reads every scalar as text (`yes` too), and refuses a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if repeated := {str(key) for key in keys if keys.count(key) > 1}:
            raise BrokenMenu(screen=sorted(repeated)[0], why="written twice")
        return super().construct_mapping(node, deep)


def load_menu(*paths: Path) -> Menu:
    """Reads one menu from several files.

    Raises: BrokenMenu naming the first screen that cannot be read.
    """
    entrances: dict[str, str] = {}
    screens: dict[str, Screen] = {}
    for path in paths:
        raw = _read_file(path)
        for name, body in raw.pop("screens").items():
            _add_once(screens, str(name), _read_screen(str(name), body), path)
        for entrance, target in raw.items():
            _add_once(entrances, entrance, str(target), path)
    if "start" not in entrances:
        raise BrokenMenu(screen=paths[0].name, why="needs `start`")
    return Menu(screens=screens, **entrances)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(path.read_bytes(), _StrictLoader)  # noqa: S506 - it makes text only
    except yaml.YAMLError as error:
        raise BrokenMenu(screen=path.name, why=str(error).replace("\n", " ")) from None
    if not isinstance(raw, dict) or not {"screens"} <= set(raw) <= {"screens", *_ENTRANCES}:
        raise BrokenMenu(screen=path.name, why=f"needs `screens`, may have {', '.join(_ENTRANCES)}")
    if not isinstance(raw["screens"], dict):
        raise BrokenMenu(screen=path.name, why="`screens` maps names to screens")
    return raw


def _add_once(register: dict[str, Any], name: str, thing: object, path: Path) -> None:
    if name in register:
        raise BrokenMenu(screen=name, why=f"written again in {path.name}")
    if name in {BACK, ONWARD}:
        raise BrokenMenu(screen=name, why="is a target of the engine's own, not a screen")
    register[name] = thing


def _read_screen(name: str, body: object) -> Screen:
    if not isinstance(body, dict):
        raise BrokenMenu(screen=name, why="is not a mapping")
    _refuse_empty_fields(name, body)
    kinds = [kind for kind in KINDS if kind in body]
    if len(kinds) != 1:
        raise BrokenMenu(screen=name, why=f"needs one of {', '.join(KINDS)}, has {kinds or 'none'}")
    kind = kinds[0]
    needed, allowed = KINDS[kind]
    fields = set(body) - {kind, *MARKS}
    if missing := needed - fields:
        raise BrokenMenu(screen=name, why=f"a {kind} needs {', '.join(sorted(missing))}")
    if unknown := fields - needed - allowed:
        raise BrokenMenu(screen=name, why=f"a {kind} has no {', '.join(sorted(map(str, unknown)))}")
    for mark in MARKS:
        if body.get(mark, "true") != "true":
            raise BrokenMenu(screen=name, why=f"`{mark}` is true or left out")
    return replace(
        _build_screen(name, kind, body),
        home="home" in body,
        clears_history="clears_history" in body,
        private="private" in body,
        proven="proven" in body,
        answer="answer" in body,
        stops_chain="stops_chain" in body,
        begins="begins" in body,
    )


def _refuse_empty_fields(name: str, body: Mapping[str, Any]) -> None:
    for field, value in body.items():
        if isinstance(value, dict):
            _refuse_empty_fields(name, value)
        elif value == "":
            raise BrokenMenu(screen=name, why=f"`{field}` has nothing behind it")


def _build_screen(name: str, kind: str, body: Mapping[str, Any]) -> Screen:
    named = str(body[kind])
    if kind == "menu":
        source = body.get("values")
        return Screen(name, kind, None, source, tuple(_read_choices(name, body)))
    if kind in {"list", "input", "secret"}:
        return Screen(
            name,
            kind,
            named,
            body.get("values"),
            keep=str(body["keep"]),
            target=str(body["to"]),
            says=_read_keys(name, body),
        )
    if kind == "do":
        if not isinstance(body["outcomes"], dict):
            raise BrokenMenu(screen=name, why="outcomes map each outcome to a screen")
        outcomes = {str(outcome): str(target) for outcome, target in body["outcomes"].items()}
        return Screen(name, kind, named, outcomes=outcomes, says=_read_keys(name, body))
    source = None if named == NO_VALUES else named
    choices: tuple[Choice, ...] = ()
    if kind == "confirm":
        choices = (Choice("1", str(body["yes"])), Choice("2", str(body["no"])))
    return Screen(name, kind, None, source, choices)


def _read_keys(name: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    says = body.get("says", [])
    keys = tuple(says) if isinstance(says, list) else (says,)
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
        raise BrokenMenu(screen=name, why="`says` is a sentence's key or a list of them")
    return keys


def _read_choices(name: str, body: Mapping[str, Any]) -> Iterator[Choice]:
    if not isinstance(body["menu"], dict):
        raise BrokenMenu(screen=name, why="a menu maps digits to screens")
    for digit, target in body["menu"].items():
        if str(digit) not in _DIGITS:
            raise BrokenMenu(screen=name, why=f"{digit} is not a choice from 1 to 8")
        if isinstance(target, dict):
            if set(target) != {"to", "when"}:
                raise BrokenMenu(screen=name, why=f"choice {digit} needs `to` and `when`")
            yield Choice(str(digit), str(target["to"]), str(target["when"]))
        else:
            yield Choice(str(digit), str(target))
