"""Moves a talk: one input in, the next screen out. Knows screens, not what they are about."""

from __future__ import annotations

from typing import Generic

from app.base.deadline import Deadline
from app.base.errors import InvalidInput, Late
from app.base.hop import Reply
from app.text.words import Words
from app.ussd.deferred import DeferredAction
from app.ussd.menu import BACK, ONWARD, Choice, Menu, Screen
from app.ussd.position import Caller, InputResult, Position
from app.ussd.screen import list_pages_of, pages_of
from app.ussd.vocabulary import Dialogue, NothingToShow, Row, Services, Vocabulary

_BACK, _HOME, _MORE = "0", "00", "9"
# Says whether this caller has still to type the PIN before anything private.
LOCKED = "locked"
# A question is asked again so often; then help is offered.
_MOST_WRONG = 3
# More screens in a row without an input than this is a circle; the checker finds it first.
_STEPS = 20
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)


class Engine(Generic[Services]):
    """One checked menu, its words and its vocabulary; holds nothing of any talk."""

    def __init__(
        self,
        menu: Menu,
        words: Words,
        vocabulary: Vocabulary[Services],
        deadline: Deadline,
        version: str = "",
    ) -> None:
        self.deadline = deadline
        self.version = version
        self.menu = menu
        self.words = words
        self.vocabulary = vocabulary

    def begin(self, place: Position, caller: Caller[Services]) -> Reply:
        """The first screen of a talk."""
        return self._enter(self.menu.start, place, caller)

    def can_resume(self, place: Position) -> bool:
        """Whether a talk that broke off there is worth taking up: somebody had begun something."""
        return bool(self.menu.resume) and (len(place.path) > 1 or bool(place.held))

    def resume(self, place: Position, caller: Caller[Services]) -> Reply:
        """Offers to go on where the talk broke off. Nothing of it is done again."""
        at_offer = place.held and not self.menu.screens[place.path[0]].home
        if at_offer:
            pass  # The line broke again before it was taken up: what waits still waits.
        elif self.menu.lock in place.path:
            place.held = place.path[: place.path.index(self.menu.lock)]
        elif len(place.path) > 1:
            place.held, place.held_page, place.heading = place.path, place.page, ""
        place.path = []
        return self._enter(self.menu.resume, place, caller)

    def step(self, typed: str, place: Position, caller: Caller[Services]) -> InputResult:
        """The screen after `typed`; an input not understood leaves the talk where it is."""
        typed = plain_input(typed)
        screen = self.menu.screens[place.path[-1]]
        noted = _noted(typed, screen)
        try:
            if how := self._moves(typed, place, caller):
                return InputResult(self.shown(place, caller), how, noted)
            reply, understood = self._answered(typed, screen, place, caller)
            return InputResult(reply, "answered" if understood else "wrong", noted)
        except NothingToShow:
            self._go_home(place, "changed")
            return InputResult(self.shown(place, caller), "changed", noted)

    def _answered(
        self, typed: str, screen: Screen, place: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        if screen.kind in {"input", "secret"}:
            return self._typed(typed, screen, place, caller)
        if screen.kind == "list":
            return self._chosen(typed, screen, place, caller)
        for choice in screen.choices:
            if choice.digit == typed and self._offered(choice, place, caller):
                return self._enter(choice.target, place, caller), True
        return self._refused("wrong.choice", place, caller)

    def shown(self, place: Position, caller: Caller[Services]) -> Reply:
        """The current screen, on its current page."""
        pages = self._pages(place, caller)
        place.page = min(place.page, len(pages) - 1)
        return Reply(pages[place.page][0], self.menu.screens[place.path[-1]].kind != "end")

    def _pages(self, place: Position, caller: Caller[Services]) -> list[tuple[str, list[Row]]]:
        """The current screen's pages, each with the rows its digits choose."""
        screen, dialogue = self.menu.screens[place.path[-1]], self._talk(place, caller)
        values = dict(self.vocabulary.sources[screen.source](dialogue)) if screen.source else {}
        how = self.words, place.language, screen, values
        depth, reason = len(place.path), place.wrong or None
        if screen.kind == "list":
            assert screen.uses
            rows = self.vocabulary.lists[screen.uses](dialogue)
            return list_pages_of(*how, rows, depth, caller.limits, reason)
        digits = [c.digit for c in screen.choices if self._offered(c, place, caller)]
        return [(page, []) for page in pages_of(*how, digits, depth, caller.limits, reason)]

    def _moves(self, typed: str, place: Position, caller: Caller[Services]) -> str:
        """How 0, 00 or 9 changed the place; nothing when `typed` is none of them here."""
        if typed == _MORE and place.page + 1 < len(self._pages(place, caller)):
            place.page += 1
            return "more"
        if typed == _BACK and place.page:
            place.page -= 1
            return "more"
        if typed == _BACK and len(place.path) > 1:
            self._go_back(place)
        elif typed in {_BACK, _HOME}:
            self._go_home(place)
        else:
            return ""
        return "back"

    def _go_back(self, place: Position) -> None:
        del place.path[max(1, len(place.path) - 1) :]
        self._settle(place)

    def _go_home(self, place: Position, wrong: str = "") -> None:
        place.path = place.path[:1]
        self._settle(place, wrong)

    def _settle(self, place: Position, wrong: str = "") -> None:
        """The last screen of the path is new to the caller; at home no detour waits any more."""
        place.page, place.wrong, place.tries = 0, wrong, 0
        if self.menu.screens[place.path[-1]].home:
            place.held, place.heading = [], ""

    def _refused(self, why: str, place: Position, caller: Caller[Services]) -> tuple[Reply, bool]:
        """The same screen with the reason on top: of every page of a list, else of the first.

        Asked in vain too often, it gives way to the menu's help, from which 0 leads back to it.
        """
        place.tries += 1
        if place.tries > _MOST_WRONG and self.menu.help not in {"", place.path[-1]}:
            return self._enter(self.menu.help, place, caller), False
        place.wrong = why
        if self.menu.screens[place.path[-1]].kind != "list":
            place.page = 0
        return self.shown(place, caller), False

    def _typed(
        self, typed: str, screen: Screen, place: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        assert screen.uses
        try:
            value = self.vocabulary.checks[screen.uses](typed, caller.now)
        except InvalidInput:
            return self._refused(f"wrong.{screen.uses}", place, caller)
        place.kept[screen.keep] = value
        try:
            return self._enter(screen.target, place, caller), True
        finally:
            if screen.kind == "secret":
                # Known to the actions of this hop, and then to nobody: an action put off shares the
                # dict, and loses it too.
                place.kept.pop(screen.keep, None)

    def _chosen(
        self, typed: str, screen: Screen, place: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        pages = self._pages(place, caller)
        rows = pages[min(place.page, len(pages) - 1)][1]
        chosen = {str(digit): row for digit, row in enumerate(rows, 1)}.get(typed)
        if chosen is None:
            return self._refused("wrong.choice", place, caller)
        place.kept[screen.keep] = chosen.key
        return self._enter(screen.target, place, caller), True

    def _enter(self, name: str, place: Position, caller: Caller[Services]) -> Reply:
        """Goes to `name`, running the actions on the way, until a screen waits or ends."""
        for _ in range(_STEPS):
            name = self._redirected(name, place, caller)
            if not name:
                return self.shown(place, caller)
            place.visits += 1
            screen = self.menu.screens[name]
            if screen.kind != "do":
                self._arrive(screen, place)
                return self.shown(place, caller)
            try:
                name = self._acted(screen, place, caller)
            except Late:
                if not self._can_answer_later(screen):
                    raise
                return self._late(screen, place, caller)
        raise RuntimeError(f"the menu goes round in circles at {name}")

    def _redirected(self, name: str, place: Position, caller: Caller[Services]) -> str:
        """The screen really entered; none when a path was taken up that shows itself."""
        if name == BACK:
            self._go_back(place)
            return ""
        if name == ONWARD:
            if self._locked(place, caller):
                return self.menu.lock
            name, place.heading = place.heading, ""
            page, place.held_page = place.held_page, 0
            place.path, place.held = place.held or place.path, []
            self._settle(place)
            place.page = page
            return name
        if self.menu.screens[name].private and self._locked(place, caller):
            place.held, place.heading = list(place.path), name
            return self.menu.lock
        return name

    def _locked(self, place: Position, caller: Caller[Services]) -> bool:
        if not self.menu.lock:
            return False
        return self.vocabulary.guards[LOCKED](self._talk(place, caller))

    def _acted(self, screen: Screen, place: Position, caller: Caller[Services]) -> str:
        """Runs the screen's action within the hop's time; gives where its outcome leads."""
        assert screen.uses and screen.outcomes is not None
        dialogue = self._talk(place, caller, screen.name)
        action = self.vocabulary.actions[screen.uses]
        outcome = self.deadline.run_since(caller.began, action.run, dialogue)
        place.language = self.words.spoken(dialogue.language)
        place.facts, place.kept = dialogue.facts, dialogue.kept
        return screen.outcomes[outcome]

    def _late(self, screen: Screen, place: Position, caller: Caller[Services]) -> Reply:
        """Ends the talk with the promise of a message; the worker keeps it (jobs)."""
        assert screen.uses
        caller.late = DeferredAction.of(screen.uses, self._talk(place, caller, screen.name))
        return Reply(self.words.say(place.language, "late"), False)

    def _can_answer_later(self, screen: Screen) -> bool:
        assert screen.uses
        return self.vocabulary.actions[screen.uses].by_sms is not None

    def _arrive(self, screen: Screen, place: Position) -> None:
        if screen.home:
            place.path = []
        elif screen.afresh:
            place.path = place.path[:1]
        if screen.name in place.path:
            del place.path[place.path.index(screen.name) :]
        place.path.append(screen.name)
        self._settle(place)

    def _offered(self, choice: Choice, place: Position, caller: Caller[Services]) -> bool:
        guard = choice.guard
        return guard is None or self.vocabulary.guards[guard](self._talk(place, caller))

    def _talk(
        self, place: Position, caller: Caller[Services], screen: str = ""
    ) -> Dialogue[Services]:
        key = f"{caller.session_id}:{screen}:{place.visits}"
        who, now, services = caller.phone, caller.now, caller.services
        return Dialogue(
            who, place.language, place.facts, place.kept, now, key, services, caller.ahead
        )


def plain_input(typed: str) -> str:
    """What was typed, with ordinary digits, without invisible marks or blanks around it."""
    return "".join(filter(str.isprintable, typed)).translate(_DIGITS).strip()


def _noted(typed: str, screen: Screen) -> str:
    """What may be kept of an input: a digit of a menu, else what kind of thing was typed."""
    if typed in {_BACK, _HOME, _MORE}:
        return typed
    if screen.kind in {"input", "secret"}:
        return f"<{screen.uses}>"
    return typed if len(typed) == 1 and typed.isdecimal() else "?"
