"""The one base error. Rooms raise it; the edges say what it means in HTTP and in words."""

from typing import Any, ClassVar


class MaalemError(Exception):
    """Something a caller is told about.

    `code` is stable and finds the words (`error.<code>` in menus/locales) and the HTTP status.
    `retryable` says whether the same request may succeed later.
    `params` fill the words; they hold nothing secret.
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


class Late(Unavailable):
    """The answer did not come in the time a person on the phone has."""


class InvalidInput(MaalemError):
    """What was given cannot be read; `what` names the field, `why` the reason."""

    code = "invalid_input"
