"""Why a person's request is not done: one table to HTTP's statuses, one to the words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.base.errors import MaalemError

_STATUSES = {
    "agent_locked": 423,
    "already_posted": 409,
    "already_reversed": 409,
    "code_cancelled": 410,
    "code_expired": 410,
    "code_mistyped": 400,
    "code_paid": 409,
    "code_reversed": 410,
    "code_unknown": 404,
    "internal": 500,
    "key_reused": 409,
    "no_reason": 400,
    "nothing_here": 404,
    "over_code_limit": 403,
    "over_day_limit": 403,
    "over_float_limit": 403,
    "page_too_old": 400,
    "reversal_too_late": 409,
    "signed_out": 401,
    "too_many_tries": 429,
    "unavailable": 503,
    "wrong_pin": 401,
}
# Where a sentence can say more when it is told more; all others are said by `error.<code>`.
_FULLER_WORDS = {"code_paid": ("receipt", "error.code_paid_here")}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stable code and what fills its words; nothing secret."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, error: MaalemError) -> "Refusal":
        return cls(error.code, error.params)

    @property
    def status(self) -> int:
        return _STATUSES.get(self.code, 400)

    @property
    def words(self) -> str:
        """The key of its sentence."""
        name, key = _FULLER_WORDS.get(self.code, ("", ""))
        return key if self.params.get(name) else f"error.{self.code}"
