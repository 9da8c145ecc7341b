"""Refusals of figures."""

from app.base.errors import MaalemError


class MonthNotOver(MaalemError):
    """A month is published once it is over."""

    code = "month_not_over"


class MonthNotMade(MaalemError):
    """A month without figures is not published."""

    code = "month_not_made"


class PictureOutdated(Exception):
    """A picture that another version of the program asked for is asked for anew: no refusal."""


class TooManyReports(MaalemError):
    """Somebody asked for `most` lists that are still kept."""

    code = "too_many_reports"
