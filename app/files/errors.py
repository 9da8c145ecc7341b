"""Refusals of files; nothing changes then."""

from app.base.errors import MaalemError


class FileRefused(MaalemError):
    """A file is wrong at `line`, for the reason `why`; line 0 is the whole file."""

    code = "file_refused"
