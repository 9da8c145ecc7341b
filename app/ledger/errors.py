"""Refusals to resolve a break."""

from app.base.errors import MaalemError


class BreakUnknown(MaalemError):
    """The number (`id`) is no break's, or the state of the break does not allow the change."""

    code = "break_unknown"


class ProposalChanged(MaalemError):
    """Something else was proposed since what is approved was shown."""

    code = "proposal_changed"


class NotThisWay(MaalemError):
    """The resolution is not one for a break of this kind (`ways` lists those)."""

    code = "not_this_way"
