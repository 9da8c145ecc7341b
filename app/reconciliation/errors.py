"""Why a file is not taken: the whole of it, and nothing was changed."""

from app.base.errors import MaalemError


class FileRefused(MaalemError):
    """`line` and `why` say where and what; line 0 is the whole file."""

    code = "file_refused"
