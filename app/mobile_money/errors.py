"""Why a request is refused, in the words of the definition's error object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.base.errors import MaalemError


class Refused(MaalemError):
    """An error of the definition: `category`, `error`, a sentence, and what helps to find it."""

    code = "refused"

    def __init__(self, category: str, error: str, words: str, **params: Any) -> None:
        super().__init__(**params)
        self.category, self.error, self.words = category, error, words

    @property
    def status(self) -> int:
        return STATUSES[self.category]


# The definition's status of each category.
STATUSES: Mapping[str, int] = {
    "businessRule": 400,
    "validation": 400,
    "authorisation": 401,
    "identification": 404,
    "internal": 500,
    "serviceUnavailable": 503,
}
# Errors of our rooms, as the definition says them; the words go to the network's engineers.
_OURS: Mapping[str, tuple[str, str, str]] = {
    "already_posted": ("businessRule", "incorrectState", "credited by CNSS, not reversed here"),
    "already_reversed": ("businessRule", "incorrectState", "reversed before"),
    "code_cancelled": ("businessRule", "incorrectState", "the bill is cancelled"),
    "code_expired": ("businessRule", "incorrectState", "the bill has expired"),
    "code_mistyped": ("validation", "formatError", "not a bill reference: 12 digits, check digit"),
    "code_paid": ("businessRule", "incorrectState", "the bill is paid"),
    "code_reversed": ("businessRule", "incorrectState", "the bill was paid and reversed"),
    "code_unknown": ("identification", "identifierError", "no such bill"),
    "client_refused": ("authorisation", "clientAuthorisationError", "client id or key is wrong"),
    "key_reused": ("businessRule", "duplicateRequest", "the correlation id is another request's"),
    "over_client_limit": ("businessRule", "dailyValueLimitExceeded", "over the client's day limit"),
    "over_code_limit": ("businessRule", "greaterThanTransactionMaxValue", "over the agent's limit"),
    "over_day_limit": ("businessRule", "dailyValueLimitExceeded", "over the agent's day limit"),
    "over_float_limit": ("businessRule", "dailyValueLimitExceeded", "over the agency's float"),
    "over_paid": ("businessRule", "overPaymentNotAllowed", "more than is due"),
    "receipt_unknown": ("identification", "identifierError", "no such transaction"),
    "reversal_too_late": ("businessRule", "incorrectState", "only on the day of the payment"),
    "unavailable": ("serviceUnavailable", "genericError", "nothing was done, try again"),
    "under_paid": ("businessRule", "underPaymentNotAllowed", "less than is due"),
}
_TOLD = ("due", "limit", "rest", "expired_at", "cancelled_at", "reversed_at")


def refusal_of(error: MaalemError) -> Refused:
    """The definition's error for one of ours; an unknown one is told as internal."""
    if isinstance(error, Refused):
        return error
    category, name, words = _OURS.get(
        error.code, ("internal", "genericError", "something went wrong")
    )
    told = {key: value for key, value in error.params.items() if key in _TOLD}
    return Refused(category, name, words, **told)
