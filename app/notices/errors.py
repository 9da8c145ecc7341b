"""Errors of notices."""

from app.base.errors import MaalemError


class NoticeRefused(MaalemError):
    """The file is no valid notice; `why` names the language and the fault."""

    code = "notice_refused"


class NoticeProposalUnknown(MaalemError):
    """The `number` is no notice's that waits for another person."""

    code = "notice_proposal_unknown"
