"""Moves a dialogue: takes one input and returns the next screen. Knows nothing of their subject."""

from __future__ import annotations

from typing import Any, Generic

from app.base.deadline import Deadline
from app.base.errors import InvalidInput, Late
from app.base.hop import Reply
from app.base.identifiers import plain_writing
from app.base.spans import span
from app.text.words import Words
from app.ussd.deferred import DeferredAction
from app.ussd.menu import BACK, ONWARD, Choice, Menu, Screen
from app.ussd.paths import Paths
from app.ussd.position import Caller, InputResult, Position
from app.ussd.screen import ScreenContext, paginate_list
from app.ussd.vocabulary import Dialogue, NothingToShow, Row, Services, Vocabulary
from app.ussd.written import WrittenPages

_BACK, _HOME, _MORE = "0", "00", "9"
# The digits of choices.
_CHOICES = frozenset("12345")
# The guard that is true while this caller has still to type the PIN before anything private.
LOCKED = "locked"
# The guard that is true while this phone is not proven to be the person's.
UNPROVEN = "unproven"
# A screen refuses this many inputs in a row; the next one leads to the menu's help.
_MOST_REFUSALS = 3
# More screens in a row without an input than this is a circle; the checker finds it first.
_MOST_STEPS = 20


class MenuEngine(Generic[Services]):
    """A checked menu with its words and vocabulary; holds nothing of any dialogue."""

    def __init__(
        self,
        menu: Menu,
        words: Words,
        vocabulary: Vocabulary[Services, Any, Any],
        deadline: Deadline,
        version: str = "",
    ) -> None:
        self.deadline = deadline
        self.version = version
        self.menu = menu
        self.words = words
        self.vocabulary = vocabulary
        self._paths = Paths(menu)
        self._written = WrittenPages()

    def begin(self, position: Position, caller: Caller[Services]) -> Reply:
        """Returns the first screen of a dialogue."""
        return self._enter(self.menu.start, position, caller)

    def can_go_on(self, position: Position) -> bool:
        """True if a stored position stands in this menu, each path from a home."""
        return self._paths.can_go_on(position)

    def can_resume(self, position: Position) -> bool:
        """True if something had been begun there, and had not come to its answer."""
        return self._paths.can_resume(position)

    def stops_chain(self, position: Position) -> bool:
        """True if what was dialled ahead is not for this screen."""
        return self._paths.current(position).stops_chain

    def resume(self, position: Position, caller: Caller[Services]) -> Reply:
        """Offers to go on where the dialogue broke off. No action of it runs again."""
        self._paths.suspend(position)
        return self._enter(self.menu.resume, position, caller)

    def step(self, typed: str, position: Position, caller: Caller[Services]) -> InputResult:
        """Returns the screen after `typed`; an input not understood leaves the dialogue there."""
        typed = plain_input(typed)
        screen = self.menu.screens[position.path[-1]]
        recorded = _redact(typed, screen)
        try:
            if self._begins_anew(typed, position):
                return self._begin_anew(typed, recorded, position, caller)
            if kind := self._navigate(typed, position, caller):
                return InputResult(self.show(position, caller), kind, recorded)
            reply, understood = self._answer(typed, screen, position, caller)
            return InputResult(reply, "answered" if understood else "wrong", recorded)
        except NothingToShow:
            self._paths.go_home(position, "changed")
            return InputResult(self.show(position, caller), "changed", recorded)

    def show(self, position: Position, caller: Caller[Services]) -> Reply:
        """Returns the current screen, on its current page."""
        pages = self._paginate(position, caller)
        position.page = min(position.page, len(pages) - 1)
        return Reply(pages[position.page][0], self._paths.current(position).kind != "end")

    def _answer(
        self, typed: str, screen: Screen, position: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        """Returns the next screen, and True if the input was understood."""
        if screen.takes_input:
            return self._accept_input(typed, screen, position, caller)
        if screen.kind == "list":
            return self._choose_row(typed, screen, position, caller)
        for choice in screen.choices:
            if choice.digit == typed and self._is_offered(choice, position, caller):
                return self._enter(choice.target, position, caller), True
        return self._refuse("wrong.choice", position, caller)

    def _accept_input(
        self, typed: str, screen: Screen, position: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        assert screen.uses
        try:
            answer = self.vocabulary.checks[screen.uses](typed, caller.now)
        except InvalidInput:
            return self._refuse(f"wrong.{screen.uses}", position, caller)
        position.answers[screen.keep] = answer
        try:
            return self._enter(screen.target, position, caller), True
        finally:
            if screen.kind == "secret":
                # Only the actions of this hop know it: a deferred action shares the dict, and
                # loses it too.
                position.answers.pop(screen.keep, None)

    def _choose_row(
        self, typed: str, screen: Screen, position: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        pages = self._paginate(position, caller)
        rows = pages[min(position.page, len(pages) - 1)][1]
        row = {str(digit): row for digit, row in enumerate(rows, 1)}.get(typed)
        if row is None:
            return self._refuse("wrong.choice", position, caller)
        position.answers[screen.keep] = row.key
        return self._enter(screen.target, position, caller), True

    def _refuse(
        self, reason: str, position: Position, caller: Caller[Services]
    ) -> tuple[Reply, bool]:
        """Shows the current screen again with the reason for refusing the input.

        The reason stands on every page of a list, and on the first page of any other screen. After
        too many refusals the menu's help is shown instead; 0 leads from it back to the screen.
        """
        position.refusals += 1
        if position.refusals > _MOST_REFUSALS and self.menu.help not in {"", position.path[-1]}:
            return self._enter(self.menu.help, position, caller), False
        position.refusal_reason = reason
        if self._paths.current(position).kind != "list":
            position.page = 0
        return self.show(position, caller), False

    def _paginate(
        self, position: Position, caller: Caller[Services]
    ) -> list[tuple[str, list[Row]]]:
        """Returns the current screen's pages, each with the rows that its digits choose."""
        screen = self._paths.current(position)
        dialogue = self._dialogue(position, caller, says=screen.says)
        values = self.vocabulary.sources[screen.source](dialogue) if screen.source else {}
        at_offer = self._paths.at_offer(position)
        context = ScreenContext(
            self.words,
            position.language,
            screen,
            values,
            1 if at_offer else len(position.path),
            caller.limits,
            position.refusal_reason,
            at_offer,
        )
        if screen.kind == "list":
            assert screen.uses
            return paginate_list(context, self.vocabulary.lists[screen.uses](dialogue))
        digits = [
            choice.digit
            for choice in screen.choices
            if choice.guard is None or self.vocabulary.guards[choice.guard](dialogue)
        ]
        return [(page, []) for page in self._written.paginate(context, digits)]

    def _begins_anew(self, typed: str, position: Position) -> bool:
        """True if `typed` declines the offer to go on: home, or a digit that is none of its own."""
        if not self._paths.at_offer(position):
            return False
        if typed in {_BACK, _HOME}:
            return typed == _HOME or not position.page
        return typed in _CHOICES and all(
            choice.digit != typed for choice in self._paths.current(position).choices
        )

    def _begin_anew(
        self, typed: str, recorded: str, position: Position, caller: Caller[Services]
    ) -> InputResult:
        """Begins as if the code had been dialled, and a digit behind it: digits keep their meaning.

        Who types by heart what leads to a code comes there, also where a dialogue broke off.
        """
        self._paths.leave(position)
        position.facts, position.answers = {}, {}
        caller.ahead = typed in _CHOICES
        reply = self.begin(position, caller)
        if caller.ahead and reply.more and not self.stops_chain(position):
            return self.step(typed, position, caller)
        return InputResult(reply, "back", recorded)

    def _navigate(self, typed: str, position: Position, caller: Caller[Services]) -> str:
        """Moves by 0, 00 or 9 and returns `back` or `more`; empty if `typed` is none of them."""
        if typed == _MORE and position.page + 1 < len(self._paginate(position, caller)):
            position.page += 1
            return "more"
        if typed == _BACK and position.page:
            position.page -= 1
            return "more"
        if typed == _BACK and len(position.path) > 1:
            self._paths.go_back(position)
        elif typed in {_BACK, _HOME}:
            self._paths.go_home(position)
        else:
            return ""
        return "back"

    def _enter(self, name: str, position: Position, caller: Caller[Services]) -> Reply:
        """Goes to the screen `name`, running actions on the way, until a screen waits or ends."""
        for _ in range(_MOST_STEPS):
            name = self._resolve_target(name, position, caller)
            if not name:
                return self.show(position, caller)
            position.visits += 1
            screen = self.menu.screens[name]
            if screen.kind != "do":
                self._paths.push(screen, position)
                return self.show(position, caller)
            try:
                name = self._run_action(screen, position, caller)
            except Late:
                if not self._can_defer(screen):
                    raise
                return self._defer_action(screen, position, caller)
        raise RuntimeError(f"the menu goes round in circles at {name}")

    def _resolve_target(self, name: str, position: Position, caller: Caller[Services]) -> str:
        """Returns the screen to enter; empty if the position already stands on it."""
        if name == BACK:
            self._paths.go_back(position)
            return ""
        if name == ONWARD:
            if self._is_locked(position, caller):
                return self.menu.lock
            name = self._paths.end_detour(position)
        if not name:
            return ""
        detour = self._find_detour(self.menu.screens[name], position, caller)
        if detour:
            self._paths.begin_detour(name, position)
        return detour or name

    def _find_detour(self, screen: Screen, position: Position, caller: Caller[Services]) -> str:
        """Returns the screen that asks for a proof or the PIN first; empty if none has to."""
        if screen.proven and self._holds(UNPROVEN, self.menu.proof, position, caller):
            return self.menu.proof
        if screen.private and self._is_locked(position, caller):
            return self.menu.lock
        return ""

    def _is_locked(self, position: Position, caller: Caller[Services]) -> bool:
        return self._holds(LOCKED, self.menu.lock, position, caller)

    def _holds(
        self, guard: str, entrance: str, position: Position, caller: Caller[Services]
    ) -> bool:
        """True if the guard of an entrance holds; false in a menu without that entrance."""
        return bool(entrance) and self.vocabulary.guards[guard](self._dialogue(position, caller))

    def _is_offered(self, choice: Choice, position: Position, caller: Caller[Services]) -> bool:
        guard = choice.guard
        return not guard or self.vocabulary.guards[guard](self._dialogue(position, caller))

    def _run_action(self, screen: Screen, position: Position, caller: Caller[Services]) -> str:
        """Runs the screen's action within the hop's time; returns the target of its outcome."""
        assert screen.uses and screen.outcomes is not None
        dialogue = self._dialogue(position, caller, screen.name, screen.says)
        action = self.vocabulary.actions[screen.uses]
        if caller.confirm and not action.only_looks:
            caller.confirm()
            caller.confirm = None
        with span("action", action=screen.uses) as part:
            outcome = self.deadline.run_since(caller.began, action.run, dialogue)
            part.note(outcome=outcome)
        position.language = self.words.language_or_default(dialogue.language)
        position.facts, position.answers = dialogue.facts.packed, dialogue.answers.packed
        caller.facts = dialogue.facts
        return screen.outcomes[outcome]

    def _can_defer(self, screen: Screen) -> bool:
        assert screen.uses
        return self.vocabulary.actions[screen.uses].by_sms is not None

    def _defer_action(self, screen: Screen, position: Position, caller: Caller[Services]) -> Reply:
        """Ends the dialogue with the promise of a message; the worker runs the action (jobs)."""
        assert screen.uses
        dialogue = self._dialogue(position, caller, screen.name, screen.says)
        caller.deferred = DeferredAction.of(screen.uses, dialogue)
        return Reply(self.words.say(position.language, "deferred"), False)

    def _dialogue(
        self,
        position: Position,
        caller: Caller[Services],
        screen: str = "",
        says: tuple[str, ...] = (),
    ) -> Dialogue[Services, Any, Any]:
        facts = caller.facts
        if facts is None or facts.packed is not position.facts:
            facts = caller.facts = self.vocabulary.facts(position.facts)
        return Dialogue(
            caller.phone,
            position.language,
            facts,
            self.vocabulary.answers(position.answers),
            caller.now,
            f"{caller.session_id}:{screen}:{position.visits}",
            caller.services,
            caller.ahead,
            says,
            caller.lately,
        )


def plain_input(typed: str) -> str:
    """Returns `typed` with ordinary digits, without invisible marks or blanks around it."""
    if typed.isascii():
        return "".join(filter(str.isprintable, typed)).strip()
    return "".join(filter(str.isprintable, plain_writing(typed))).strip()


def _redact(typed: str, screen: Screen) -> str:
    """Returns the input as it may be stored: a digit of a menu, else the kind of input."""
    if typed in {_BACK, _HOME, _MORE}:
        return typed
    if screen.takes_input:
        return f"<{screen.uses}>"
    return typed if len(typed) == 1 and typed.isdecimal() else "?"
