"""Refusals to resolve a break."""

from app.base.errors import MaalemError


class BreakUnknown(MaalemError):
    """The number (`id`) belongs to no break in a state that allows it."""

    code = "break_unknown"


class NotThisWay(MaalemError):
    """The resolution does not fit a break of this kind (`ways` do)."""

    code = "not_this_way"


class SamePerson(MaalemError):
    """The person who proposed a resolution cannot approve it."""

    code = "same_person"
