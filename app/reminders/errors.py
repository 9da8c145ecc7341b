"""Why something is not told to many."""

from app.base.errors import MaalemError


class CalendarWrong(MaalemError):
    """The calendar's file cannot be used; `why` says what is wrong with it."""

    code = "calendar_wrong"


class OverBudget(MaalemError):
    """One more message would pass the budget of the `scope`: `campaign` or `day`."""

    code = "over_budget"


class TextTooLong(MaalemError):
    """The text in `language` takes `segments`, and only `most` are sent to many."""

    code = "text_too_long"


class CampaignUnknown(MaalemError):
    """No campaign of that name or number (`campaign`) in a state that allows it."""

    code = "campaign_unknown"


class NoticeUnknown(MaalemError):
    """No notice of that `name` is published, or its last day is over."""

    code = "notice_unknown"


class NoticeChanged(MaalemError):
    """The notice's words are no longer those that were proposed: propose it again."""

    code = "notice_changed"


class NobodyToTell(MaalemError):
    """No artisan of that `region` and `trade`, as the register writes them, can be told."""

    code = "nobody_to_tell"
