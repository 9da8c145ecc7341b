"""Refusals of files; nothing changes then."""

from app.base.errors import MaalemError


class FileUnknown(MaalemError):
    """The `number` is no file's that stands, or nobody asked to withdraw it."""

    code = "file_unknown"
