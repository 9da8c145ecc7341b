"""The Python that menus may name: actions, sources, lists, checks, guards, each under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from app.base.errors import MaalemError
from app.base.phone import Phone
from app.text.words import Say
from app.ussd.parts import Parts

Services = TypeVar("Services")
Facts = TypeVar("Facts", bound=Parts)
Answers = TypeVar("Answers", bound=Parts)
Values = Mapping[str, Any]
Check = Callable[[str, datetime], str]


class NothingToShow(MaalemError):
    """A screen's subject is gone: paid, cancelled or expired since the screen was shown."""

    code = "nothing_to_show"


@dataclass(slots=True)
class Dialogue(Generic[Services, Facts, Answers]):
    """A dialogue during one hop, as actions, sources, lists and guards see it.

    `facts` are read of the caller, `answers` are chosen or typed by the caller; both are stored
    between hops. `services` are for actions alone: sources, lists and guards must not use them.
    `action_key` names this visit of this screen, and is the same on a gateway's retry. `ahead` is
    true if the inputs were dialled behind the code: they must mean the same on every day. `says`
    are the sentences that the menu gives to this action or list. `lately` is true if the phone
    dialled before, less long ago than a dialogue is stored.
    """

    phone: Phone
    language: str
    facts: Facts
    answers: Answers
    now: datetime
    action_key: str
    services: Services
    ahead: bool = False
    says: tuple[str, ...] = ()
    lately: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list: the answer kept when it is chosen, and the values of its sentence."""

    key: str | int
    values: Values


# The functions that are registered, by what they return.
Run = Callable[[Dialogue[Services, Facts, Answers]], str]
Read = Callable[[Dialogue[Services, Facts, Answers]], Values]
ListRows = Callable[[Dialogue[Services, Facts, Answers]], list[Row]]
Holds = Callable[[Dialogue[Services, Facts, Answers]], bool]
Answer = Callable[[Dialogue[Services, Facts, Answers], str], Say | None]


@dataclass(frozen=True, slots=True)
class Action(Generic[Services, Facts, Answers]):
    """A function that a `do` screen runs, and the outcomes it may return.

    `by_sms` makes the message that answers an action too slow for the screen. It returns None if
    the action has queued a message itself. An action without `by_sms` cannot be deferred.
    `only_looks` is true if it changes nothing but the dialogue.
    """

    run: Run[Services, Facts, Answers]
    outcomes: tuple[str, ...]
    by_sms: Answer[Services, Facts, Answers] | None = None
    only_looks: bool = False


class Vocabulary(Generic[Services, Facts, Answers]):
    """All names that menus may use, and the types of a dialogue's facts and answers.

    Registering a name twice raises ValueError at import.
    """

    def __init__(self, facts: type[Facts], answers: type[Answers]) -> None:
        self.facts, self.answers = facts, answers
        self.actions: dict[str, Action[Services, Facts, Answers]] = {}
        self.sources: dict[str, Read[Services, Facts, Answers]] = {}
        self.lists: dict[str, ListRows[Services, Facts, Answers]] = {}
        self.checks: dict[str, Check] = {}
        self.guards: dict[str, Holds[Services, Facts, Answers]] = {}

    def action(
        self,
        name: str,
        *outcomes: str,
        by_sms: Answer[Services, Facts, Answers] | None = None,
        only_looks: bool = False,
    ) -> Callable[[Run[Services, Facts, Answers]], Run[Services, Facts, Answers]]:
        """Registers the function of a `do` screen; it returns one of `outcomes`."""

        def register(run: Run[Services, Facts, Answers]) -> Run[Services, Facts, Answers]:
            _add_once(self.actions, name, Action(run, outcomes, by_sms, only_looks))
            return run

        return register

    def source(
        self, name: str
    ) -> Callable[[Read[Services, Facts, Answers]], Read[Services, Facts, Answers]]:
        """Registers the values of a screen's sentence."""

        def register(read: Read[Services, Facts, Answers]) -> Read[Services, Facts, Answers]:
            _add_once(self.sources, name, read)
            return read

        return register

    def rows(
        self, name: str
    ) -> Callable[[ListRows[Services, Facts, Answers]], ListRows[Services, Facts, Answers]]:
        """Registers the rows of a `list` screen."""

        def register(
            list_rows: ListRows[Services, Facts, Answers],
        ) -> ListRows[Services, Facts, Answers]:
            _add_once(self.lists, name, list_rows)
            return list_rows

        return register

    def check(self, name: str) -> Callable[[Check], Check]:
        """Registers the check of an `input`: it returns the answer to keep.

        A check raises InvalidInput for what it does not accept.
        """

        def register(check: Check) -> Check:
            _add_once(self.checks, name, check)
            return check

        return register

    def guard(
        self, name: str
    ) -> Callable[[Holds[Services, Facts, Answers]], Holds[Services, Facts, Answers]]:
        """Registers a condition under which a choice is offered."""

        def register(holds: Holds[Services, Facts, Answers]) -> Holds[Services, Facts, Answers]:
            _add_once(self.guards, name, holds)
            return holds

        return register


def _add_once(register: dict[str, Any], name: str, thing: object) -> None:
    if name in register:
        raise ValueError(f"{name} is registered twice")
    register[name] = thing
