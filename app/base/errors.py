"""The base of all refusals. Rooms raise them; the edges give the HTTP status and the words."""

from typing import Any, ClassVar


class MaalemError(Exception):
    """A refusal that the caller is shown.

    `code` is stable; the words (`error.<code>` in menus/locales) and the HTTP status are found by
    it. `retryable` is True if the same request may succeed later. `params` fill the words; they
    hold nothing secret.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.code)

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code}: {shown}" if shown else self.code


class Unavailable(MaalemError):
    """Redis, PostgreSQL or another system is away."""

    code = "unavailable"
    retryable = True


class Busy(Unavailable):
    """More is asked at this moment than is done at once; a second later there is room."""


class Late(Unavailable):
    """The answer did not come within the time of a person on the phone."""


class PinKeyUnknown(MaalemError):
    """The PIN is stored with a key that was taken away: no digits are wrong, and none are right."""

    code = "pin_key_unknown"


class InvalidInput(MaalemError):
    """A given value cannot be read; `what` names the field, `why` the reason."""

    code = "invalid_input"
