"""Moves a talk: one input in, the next screen out. Knows screens, not what they are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from app.base.deadline import Deadline
from app.base.errors import InvalidInput
from app.base.hop import Reply
from app.base.phone import Phone
from app.text.encoding import Limits
from app.text.words import Words
from app.ussd.menu import Choice, Menu, Screen
from app.ussd.screen import list_pages_of, pages_of
from app.ussd.vocabulary import Desk, NothingToShow, Row, Talk, Vocabulary

BACK, HOME, MORE = "0", "00", "9"
# More screens in a row without an input than this is a circle; the checker finds it first.
_STEPS = 20
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)


@dataclass(slots=True)
class Place:
    """Where a talk stands. All of it is JSON, and all of it is kept between hops.

    `path` is the screens to go back through, the current one last; `visits` counts screens
    entered, so that an action has another key each time it is really asked for again; `wrong` is
    the sentence on top that says why a screen is asked again, and moves its pages.
    """

    language: str
    path: list[str] = field(default_factory=list)
    page: int = 0
    visits: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Caller(Generic[Desk]):
    """Who is on the line for this hop, and what actions may work with."""

    session_id: str
    phone: Phone
    now: datetime
    desk: Desk


class Engine(Generic[Desk]):
    """One checked menu, its words and its vocabulary; holds nothing of any talk."""

    def __init__(
        self,
        menu: Menu,
        words: Words,
        vocabulary: Vocabulary[Desk],
        limits: Limits,
        deadline: Deadline,
    ) -> None:
        self.deadline = deadline
        self.menu = menu
        self.words = words
        self.vocabulary = vocabulary
        self.limits = limits

    def begin(self, place: Place, caller: Caller[Desk]) -> Reply:
        """The first screen of a talk."""
        return self._enter(self.menu.start, place, caller)

    def step(self, typed: str, place: Place, caller: Caller[Desk]) -> tuple[Reply, bool]:
        """The screen after `typed`, and whether the input was understood."""
        try:
            return self._stepped(plain_input(typed), place, caller)
        except NothingToShow:
            self._go_home(place, "changed")
            return self.shown(place, caller), False

    def _stepped(self, typed: str, place: Place, caller: Caller[Desk]) -> tuple[Reply, bool]:
        screen = self.menu.screens[place.path[-1]]
        if self._moves(typed, place, caller):
            return self.shown(place, caller), True
        if screen.kind in {"input", "secret"}:
            return self._answered(typed, screen, place, caller)
        if screen.kind == "list":
            return self._chosen(typed, screen, place, caller)
        for choice in screen.choices:
            if choice.digit == typed and self._offered(choice, place, caller):
                return self._enter(choice.target, place, caller), True
        return self._refused("wrong.choice", place, caller)

    def shown(self, place: Place, caller: Caller[Desk]) -> Reply:
        """The current screen, on its current page."""
        pages = self._pages(place, caller)
        place.page = min(place.page, len(pages) - 1)
        return Reply(pages[place.page][0], self.menu.screens[place.path[-1]].kind != "end")

    def _pages(self, place: Place, caller: Caller[Desk]) -> list[tuple[str, list[Row]]]:
        """The current screen's pages, each with the rows its digits choose."""
        screen, talk = self.menu.screens[place.path[-1]], self._talk(place, caller)
        values = dict(self.vocabulary.sources[screen.source](talk)) if screen.source else {}
        how = self.words, place.language, screen, values
        depth, reason = len(place.path), place.wrong or None
        if screen.kind == "list":
            assert screen.uses
            rows = self.vocabulary.lists[screen.uses](talk)
            return list_pages_of(*how, rows, depth, self.limits, reason)
        digits = [c.digit for c in screen.choices if self._offered(c, place, caller)]
        return [(page, []) for page in pages_of(*how, digits, depth, self.limits, reason)]

    def _moves(self, typed: str, place: Place, caller: Caller[Desk]) -> bool:
        """Whether `typed` is 0, 00 or 9 and the place is now another."""
        if typed == BACK and place.page:
            place.page -= 1
        elif typed == BACK and len(place.path) > 1:
            place.path.pop()
            place.wrong = ""
        elif typed in {BACK, HOME}:
            self._go_home(place)
        elif typed == MORE and place.page + 1 < len(self._pages(place, caller)):
            place.page += 1
        else:
            return False
        return True

    def _go_home(self, place: Place, wrong: str = "") -> None:
        place.path, place.page, place.wrong = place.path[:1], 0, wrong

    def _refused(self, why: str, place: Place, caller: Caller[Desk]) -> tuple[Reply, bool]:
        """The same screen with the reason on top: of every page of a list, else of the first."""
        place.wrong = why
        if self.menu.screens[place.path[-1]].kind != "list":
            place.page = 0
        return self.shown(place, caller), False

    def _answered(
        self, typed: str, screen: Screen, place: Place, caller: Caller[Desk]
    ) -> tuple[Reply, bool]:
        assert screen.uses
        try:
            value = self.vocabulary.checks[screen.uses](typed, caller.now)
        except InvalidInput:
            return self._refused(f"wrong.{screen.uses}", place, caller)
        place.kept[screen.keep] = value
        return self._enter(screen.target, place, caller), True

    def _chosen(
        self, typed: str, screen: Screen, place: Place, caller: Caller[Desk]
    ) -> tuple[Reply, bool]:
        pages = self._pages(place, caller)
        rows = pages[min(place.page, len(pages) - 1)][1]
        chosen = {str(digit): row for digit, row in enumerate(rows, 1)}.get(typed)
        if chosen is None:
            return self._refused("wrong.choice", place, caller)
        place.kept[screen.keep] = chosen.key
        return self._enter(screen.target, place, caller), True

    def _enter(self, name: str, place: Place, caller: Caller[Desk]) -> Reply:
        """Goes to `name`, running the actions on the way, until a screen waits or ends."""
        for _ in range(_STEPS):
            place.visits += 1
            screen = self.menu.screens[name]
            if screen.kind != "do":
                self._arrive(screen, place)
                return self.shown(place, caller)
            assert screen.uses and screen.outcomes is not None
            talk = self._talk(place, caller, screen.name)
            outcome = self.deadline.run(self.vocabulary.actions[screen.uses].run, talk)
            place.language = self.words.spoken(talk.language)
            place.facts, place.kept = talk.facts, talk.kept
            name = screen.outcomes[outcome]
        raise RuntimeError(f"the menu goes round in circles at {name}")

    def _arrive(self, screen: Screen, place: Place) -> None:
        if screen.home:
            place.path = []
        elif screen.afresh:
            place.path = place.path[:1]
        if screen.name in place.path:
            del place.path[place.path.index(screen.name) :]
        place.path.append(screen.name)
        place.page, place.wrong = 0, ""

    def _offered(self, choice: Choice, place: Place, caller: Caller[Desk]) -> bool:
        guard = choice.guard
        return guard is None or self.vocabulary.guards[guard](self._talk(place, caller))

    def _talk(self, place: Place, caller: Caller[Desk], screen: str = "") -> Talk[Desk]:
        key = f"{caller.session_id}:{screen}:{place.visits}"
        return Talk(
            caller.phone, place.language, place.facts, place.kept, caller.now, key, caller.desk
        )


def plain_input(typed: str) -> str:
    """What was typed, with ordinary digits, without invisible marks or blanks around it."""
    return "".join(filter(str.isprintable, typed)).translate(_DIGITS).strip()
