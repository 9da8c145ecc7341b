"""What contributions refuse."""

from app.base.errors import MaalemError


class NotCollectedHere(MaalemError):
    """The category pays elsewhere; `category` is its letter, `collector` who collects."""

    code = "not_collected_here"


class RatesWrong(MaalemError):
    """The rates file cannot be used; `file` names it, `why` the entries and what is wrong."""

    code = "rates_wrong"
