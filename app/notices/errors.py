"""Errors of notices."""

from app.base.errors import MaalemError


class NoticeRefused(MaalemError):
    """The notice's file is not one; `why` names the language and what is wrong."""

    code = "notice_refused"
