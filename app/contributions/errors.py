"""Refusals of contributions."""

from app.base.errors import MaalemError


class NotCollectedHere(MaalemError):
    """The category is paid elsewhere; `category` is its letter, `collector` the collecting body."""

    code = "not_collected_here"


class RatesWrong(MaalemError):
    """The rates file cannot be used; `file` names it, `why` the entries and what is wrong."""

    code = "rates_wrong"
