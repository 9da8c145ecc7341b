"""Refusals of claims: to record one, or to choose its collection."""

from app.base.errors import MaalemError


class ClaimOfAnother(MaalemError):
    """The claim's number is another artisan's."""

    code = "claim_of_another"


class ClaimClosed(MaalemError):
    """The claim is paid or refused: nothing is left to collect."""

    code = "claim_closed"
