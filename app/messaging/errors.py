"""Errors of messaging."""

from app.base.errors import MaalemError


class PricesWrong(MaalemError):
    """The price list cannot be used; `why` says what is wrong with it."""

    code = "prices_wrong"
