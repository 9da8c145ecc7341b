"""Refusals of claims: to record one, or to choose its collection."""

from app.base.errors import MaalemError


class ClaimOfAnother(MaalemError):
    """The claim's number is another artisan's."""

    code = "claim_of_another"


class ClaimClosed(MaalemError):
    """The claim is not ready yet, or paid or refused: there is nothing to collect."""

    code = "claim_closed"
