"""Refusals of the payments API, in the words of the definition's error object."""

from __future__ import annotations

from collections.abc import Mapping

from app.base.errors import MaalemError


class Refused(MaalemError):
    """An error of the definition: `category`, `error`, a sentence, and values for the client.

    `retry_after` is the seconds after which the same request may succeed, where that is known.
    """

    code = "refused"
    retry_after: int | None = None

    def __init__(self, category: str, error: str, words: str, **params: object) -> None:
        super().__init__(**params)
        self.category, self.error, self.words = category, error, words

    @property
    def status(self) -> int:
        """Returns the HTTP status."""
        return STATUSES[self.category]


def refuse_for_now(words: str, seconds: int) -> Refused:
    """Returns the definition's refusal of too many requests, for so many seconds."""
    refused = Refused("businessRule", "rateLimitError", words)
    refused.retry_after = seconds
    return refused


# The definition's status of each category.
STATUSES: Mapping[str, int] = {
    "businessRule": 400,
    "validation": 400,
    "authorisation": 401,
    "identification": 404,
    "internal": 500,
    "serviceUnavailable": 503,
}
# Each refusal that the API can meet, by its code: category, error, and words for the network's
# engineers. tests/web/test_refusals.py checks that none is missing.
ERRORS: Mapping[str, tuple[str, str, str]] = {
    "agent_barred": ("authorisation", "requestingPartyAuthorisationError", "no agent of yours now"),
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
    "nothing_due": ("businessRule", "incorrectState", "nothing is owed: it was paid just now"),
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
_SHOWN_PARAMS = ("due", "limit", "rest", "expired_at", "cancelled_at", "reversed_at")


def refusal_of(error: MaalemError) -> Refused:
    """Returns the definition's error for a refusal."""
    if isinstance(error, Refused):
        return error
    category, name, words = ERRORS[error.code]
    params = {key: value for key, value in error.params.items() if key in _SHOWN_PARAMS}
    return Refused(category, name, words, **params)
