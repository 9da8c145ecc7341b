"""Errors of messages to many."""

from app.base.errors import MaalemError


class CalendarWrong(MaalemError):
    """The calendar's file cannot be used; `why` says what is wrong with it."""

    code = "calendar_wrong"


class OverBudget(MaalemError):
    """Another message would pass the budget of the `scope`: `campaign` or `day`."""

    code = "over_budget"


class TextTooLong(MaalemError):
    """The text in `language` takes `segments`, and only `most` are sent to many."""

    code = "text_too_long"


class CampaignUnknown(MaalemError):
    """The campaign of that name or number (`campaign`) is unknown, or its state forbids it."""

    code = "campaign_unknown"


class NoticeUnknown(MaalemError):
    """The notice `name` is not published, or its last day is over."""

    code = "notice_unknown"


class NoticeChanged(MaalemError):
    """The notice's words are no longer those that were proposed: propose it again."""

    code = "notice_changed"


class NobodyToTell(MaalemError):
    """The `region` and `trade`, as the register writes them, have no artisan to be reached."""

    code = "nobody_to_tell"
