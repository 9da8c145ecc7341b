"""Moves a talk: one input in, the next screen out. Knows screens, not what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from app.base.deadline import Deadline
from app.base.errors import InvalidInput
from app.base.hop import Reply
from app.base.phone import Phone
from app.text.encoding import Limits
from app.text.words import Words
from app.ussd.menu import Menu, Screen
from app.ussd.screen import list_pages_of, pages_of
from app.ussd.vocabulary import Desk, Row, Talk, Vocabulary

BACK, HOME, MORE = "0", "00", "9"
# More screens in a row without an input than this is a circle; the checker finds it first.
_STEPS = 20
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)


@dataclass(slots=True)
class Place:
    """Where a talk stands. All of it is JSON, and all of it is kept between hops.

    `path` is the screens to go back through, the current one last; `visits` counts screens
    entered, so that an action has another key each time it is really asked for again.
    """

    language: str
    path: list[str] = field(default_factory=list)
    page: int = 0
    visits: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)


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
        typed = plain_input(typed)
        screen = self.menu.screens[place.path[-1]]
        moved = self._moved(typed, screen, place, caller)
        if moved is not None:
            return moved, True
        if screen.kind in {"input", "secret"}:
            return self._answered(typed, screen, place, caller)
        if screen.kind == "list":
            return self._chosen(typed, screen, place, caller)
        for choice in screen.choices:
            if choice.digit == typed and self._offered(screen, choice.digit, place, caller):
                return self._enter(choice.target, place, caller), True
        return self.shown(place, caller, "wrong.choice"), False

    def shown(self, place: Place, caller: Caller[Desk], reason: str | None = None) -> Reply:
        """The current screen again, `reason` saying why it is asked again."""
        screen = self.menu.screens[place.path[-1]]
        talk = self._talk(place, caller)
        depth = len(place.path)
        if screen.kind == "list":
            pages = [page for page, _ in self._list_pages(screen, talk, depth, reason)]
        else:
            digits = [
                c.digit for c in screen.choices if self._offered(screen, c.digit, place, caller)
            ]
            pages = pages_of(
                self.words,
                place.language,
                screen,
                self._values(screen, talk),
                digits,
                depth,
                self.limits,
                reason,
            )
        place.page = min(place.page, len(pages) - 1)
        return Reply(pages[place.page], more=screen.kind != "end")

    def _moved(
        self, typed: str, screen: Screen, place: Place, caller: Caller[Desk]
    ) -> Reply | None:
        """The answer to 0, 00 and 9, or None when `typed` is something else."""
        if typed == BACK and (place.page or len(place.path) > 1):
            if place.page:
                place.page -= 1
            else:
                place.path.pop()
            return self.shown(place, caller)
        if (typed in {BACK, HOME} and screen.kind not in {"input", "secret"}) or typed == HOME:
            place.path, place.page = place.path[:1], 0
            return self.shown(place, caller)
        if typed == MORE and self._has_more(screen, place, caller):
            place.page += 1
            return self.shown(place, caller)
        return None

    def _has_more(self, screen: Screen, place: Place, caller: Caller[Desk]) -> bool:
        page = place.page
        place.page = page + 1
        self.shown(place, caller)
        more = place.page == page + 1
        place.page = page
        return more

    def _answered(
        self, typed: str, screen: Screen, place: Place, caller: Caller[Desk]
    ) -> tuple[Reply, bool]:
        assert screen.uses
        try:
            value = self.vocabulary.checks[screen.uses](typed, caller.now)
        except InvalidInput:
            return self.shown(place, caller, f"wrong.{screen.uses}"), False
        place.kept[screen.keep] = value
        return self._enter(screen.target, place, caller), True

    def _chosen(
        self, typed: str, screen: Screen, place: Place, caller: Caller[Desk]
    ) -> tuple[Reply, bool]:
        pages = self._list_pages(screen, self._talk(place, caller), len(place.path), None)
        rows = pages[min(place.page, len(pages) - 1)][1]
        if not (typed.isdecimal() and 1 <= int(typed) <= len(rows)):
            return self.shown(place, caller, "wrong.choice"), False
        place.kept[screen.keep] = rows[int(typed) - 1].key
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
        place.page = 0

    def _offered(self, screen: Screen, digit: str, place: Place, caller: Caller[Desk]) -> bool:
        guard = next(choice.guard for choice in screen.choices if choice.digit == digit)
        return guard is None or self.vocabulary.guards[guard](self._talk(place, caller))

    def _values(self, screen: Screen, talk: Talk[Desk]) -> dict[str, Any]:
        return dict(self.vocabulary.sources[screen.source](talk)) if screen.source else {}

    def _list_pages(
        self, screen: Screen, talk: Talk[Desk], depth: int, reason: str | None
    ) -> list[tuple[str, list[Row]]]:
        assert screen.uses
        rows: Sequence[Row] = self.vocabulary.lists[screen.uses](talk)
        values = self._values(screen, talk)
        return list_pages_of(
            self.words, talk.language, screen, values, rows, depth, self.limits, reason
        )

    def _talk(self, place: Place, caller: Caller[Desk], screen: str = "") -> Talk[Desk]:
        key = f"{caller.session_id}:{screen}:{place.visits}"
        return Talk(
            caller.phone, place.language, place.facts, place.kept, caller.now, key, caller.desk
        )


def plain_input(typed: str) -> str:
    """What was typed, with ordinary digits, without invisible marks or blanks around it."""
    return "".join(filter(str.isprintable, typed)).translate(_DIGITS).strip()
