"""The dialogue that actions work with, and the vocabulary in which they are registered."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

from app.base.operation import Operation, operation
from app.services import Services
from app.text.words import Say
from app.ussd import vocabulary as ussd
from app.ussd.parts import Parts


class _LooseParts(Parts):
    """Parts not named yet, read and written by key."""

    def __getitem__(self, key: str) -> Any:
        return self.packed[key]

    def __setitem__(self, key: str, value: object) -> None:
        self.packed[key] = value

    def __contains__(self, key: str) -> bool:
        return key in self.packed

    def __ior__(self, values: Mapping[str, object]) -> Self:
        self.packed |= values
        return self

    def get(self, key: str, absent: object = None) -> Any:
        return self.packed.get(key, absent)

    def pop(self, key: str, *absent: object) -> Any:
        return self.packed.pop(key, *absent)


class Facts(_LooseParts):
    """The facts read of a caller."""


class Answers(_LooseParts):
    """The answers that a caller chose or typed."""


Dialogue = ussd.Dialogue[Services, Facts, Answers]
vocabulary: ussd.Vocabulary[Services, Facts, Answers] = ussd.Vocabulary(Facts, Answers)


def begin_operation(
    dialogue: Dialogue, actor: str = "artisan"
) -> AbstractContextManager[Operation]:
    """Opens the operation of an action: its transaction, at the moment of the hop."""
    return operation(dialogue.services.database, dialogue.now, actor)


def own_message_when(outcome: str) -> Callable[[Dialogue, str], Say | None]:
    """Returns the `by_sms` of an action that queues its own message when it ends in `outcome`.

    With any other outcome the person is told to dial again.
    """

    def by_sms(_dialogue: Dialogue, ended: str) -> Say | None:
        return None if ended == outcome else Say("sms.call_again")

    return by_sms
