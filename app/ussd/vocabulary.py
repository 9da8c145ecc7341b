"""The Python that menus may name: actions, sources, lists, checks, guards, each under one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from app.base.errors import MaalemError
from app.base.phone import Phone
from app.text.words import Say

Services = TypeVar("Services")
Values = Mapping[str, Any]


class NothingToShow(MaalemError):
    """What a screen is about is gone: paid, cancelled or expired while it was looked at."""

    code = "nothing_to_show"


@dataclass(slots=True)
class Dialogue(Generic[Services]):
    """What one hop knows: who calls, in which language, what was read and what was typed.

    `facts` is what was read of the caller, `kept` what the caller chose; both are JSON.
    `desk` is what actions work with (the database, the clock); sources, checks and guards must
    not touch it. `action_key` names this visit of this screen, the same on a retry. `ahead`: the
    answers were dialled behind the code, and mean what they always mean.
    """

    phone: Phone
    language: str
    facts: dict[str, Any]
    kept: dict[str, Any]
    now: datetime
    action_key: str
    services: Services
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: what choosing it keeps, and the values of its sentence."""

    key: str | int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action(Generic[Services]):
    """`by_sms` answers by message where the action was too late for the screen; its None says
    that the action has queued a message itself. Without it a late action is a service away.
    """

    run: Callable[[Dialogue[Services]], str]
    outcomes: tuple[str, ...]
    by_sms: Callable[[Dialogue[Services], str], Say | None] | None = None


class Vocabulary(Generic[Services]):
    """Everything menus may name; registering a name twice is an error at import."""

    def __init__(self) -> None:
        self.actions: dict[str, Action[Services]] = {}
        self.sources: dict[str, Callable[[Dialogue[Services]], Values]] = {}
        self.lists: dict[str, Callable[[Dialogue[Services]], list[Row]]] = {}
        self.checks: dict[str, Callable[[str, datetime], str]] = {}
        self.guards: dict[str, Callable[[Dialogue[Services]], bool]] = {}

    def action(
        self,
        name: str,
        *outcomes: str,
        by_sms: Callable[[Dialogue[Services], str], Say | None] | None = None,
    ) -> Callable[[Callable[[Dialogue[Services]], str]], Callable[[Dialogue[Services]], str]]:
        """Registers what a `do` screen runs; it returns one of `outcomes`."""

        def register(
            run: Callable[[Dialogue[Services]], str],
        ) -> Callable[[Dialogue[Services]], str]:
            _once(self.actions, name, Action(run, outcomes, by_sms))
            return run

        return register

    def source(
        self, name: str
    ) -> Callable[[Callable[[Dialogue[Services]], Values]], Callable[[Dialogue[Services]], Values]]:
        """Registers the values of a screen's sentence."""

        def register(
            read: Callable[[Dialogue[Services]], Values],
        ) -> Callable[[Dialogue[Services]], Values]:
            _once(self.sources, name, read)
            return read

        return register

    def rows(
        self, name: str
    ) -> Callable[
        [Callable[[Dialogue[Services]], list[Row]]], Callable[[Dialogue[Services]], list[Row]]
    ]:
        """Registers the lines of a `list` screen."""

        def register(
            read: Callable[[Dialogue[Services]], list[Row]],
        ) -> Callable[[Dialogue[Services]], list[Row]]:
            _once(self.lists, name, read)
            return read

        return register

    def check(
        self, name: str
    ) -> Callable[[Callable[[str, datetime], str]], Callable[[str, datetime], str]]:
        """Registers what an `input` accepts: the value to keep, or InvalidInput."""

        def register(read: Callable[[str, datetime], str]) -> Callable[[str, datetime], str]:
            _once(self.checks, name, read)
            return read

        return register

    def guard(
        self, name: str
    ) -> Callable[[Callable[[Dialogue[Services]], bool]], Callable[[Dialogue[Services]], bool]]:
        """Registers a condition under which a choice is offered."""

        def register(
            holds: Callable[[Dialogue[Services]], bool],
        ) -> Callable[[Dialogue[Services]], bool]:
            _once(self.guards, name, holds)
            return holds

        return register


def _once(register: dict[str, Any], name: str, thing: object) -> None:
    if name in register:
        raise ValueError(f"{name} is registered twice")
    register[name] = thing
