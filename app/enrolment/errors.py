"""How identifying oneself can fail. None of them says whether the number exists."""

from app.base.errors import MaalemError


class NotRecognised(MaalemError):  # noqa: N818
    """RNA number and birth date do not belong together; `left` tries remain today."""

    code = "not_recognised"


class IdentificationPaused(MaalemError):  # noqa: N818
    """Three wrong tries today from this phone: again tomorrow."""

    code = "identification_paused"
    retryable = True
