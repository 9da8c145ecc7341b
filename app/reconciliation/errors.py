"""Refusals of files: the whole file is refused and nothing changes."""

from app.base.errors import MaalemError


class FileRefused(MaalemError):
    """A file cannot be read. `line` and `why` say where and what; line 0 is the whole file."""

    code = "file_refused"
