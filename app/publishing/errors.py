"""Refusals of versions of the menus."""

from app.base.errors import MaalemError


class MenusRefused(MaalemError):
    """The file or folder holds no menus that can be taken; `cause` says why, `file` where."""

    code = "menus_refused"


class MenuVersionUnknown(MaalemError):
    """The `number` is no version's that is in a state for the act."""

    code = "menu_version_unknown"


class MenusOutdated(MaalemError):
    """The version was given over `over`, and another became live since."""

    code = "menus_outdated"
