"""Why a break is not settled."""

from app.base.errors import MaalemError


class BreakUnknown(MaalemError):
    """No break of that number (`id`) in a state that allows it."""

    code = "break_unknown"


class NotThisWay(MaalemError):
    """A break of this kind is not settled by that method (`ways` are)."""

    code = "not_this_way"


class SamePerson(MaalemError):
    """Who proposed it cannot approve it."""

    code = "same_person"
