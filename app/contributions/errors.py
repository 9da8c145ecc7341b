"""What contributions refuse."""

from app.base.errors import MaalemError


class NotCollectedHere(MaalemError):  # noqa: N818 - a fact about the category, not a fault
    """The category pays elsewhere; `category` is its letter, `collector` who collects."""

    code = "not_collected_here"


class RatesWrong(MaalemError):  # noqa: N818
    """The rates file cannot be used; `file` names it, `why` the entries and what is wrong."""

    code = "rates_wrong"
