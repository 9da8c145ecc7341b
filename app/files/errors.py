"""Refusals of files; nothing changes then."""

from app.base.errors import MaalemError


class FileRefused(MaalemError):
    """A file is wrong at `line`, for the reason `why`; line 0 is the whole file.

    A page says the reason in its reader's words: `fault` names the sentence of `office.file`,
    `told` are its values. Without one it says that the line cannot be read, and `why`.
    """

    code = "file_refused"

    def __init__(
        self, *, line: int = 0, why: str = "", fault: str = "other", **told: object
    ) -> None:
        self.fault, self.told = fault, told
        super().__init__(line=line, why=why)
